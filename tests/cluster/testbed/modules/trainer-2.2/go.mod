module testbed/trainer-2.2

go 1.24

require github.com/kubeflow/trainer/v2 v2.2.1
