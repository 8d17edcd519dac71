module testbed/trainer-2.0

go 1.24

require github.com/kubeflow/trainer/v2 v2.0.1
