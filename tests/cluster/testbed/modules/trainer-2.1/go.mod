module testbed/trainer-2.1

go 1.24

require github.com/kubeflow/trainer/v2 v2.1.0
