// kube-scheduler with the plugin Coscheduling, which places the pods of a PodGroup together or not at
// all. The program of the plugins' own repository has a dozen more of them.
package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-scheduler/app"
	_ "sigs.k8s.io/scheduler-plugins/apis/config/scheme"
	"sigs.k8s.io/scheduler-plugins/pkg/coscheduling"
)

func main() {
	plugin := app.WithPlugin(coscheduling.Name, coscheduling.New)
	os.Exit(cli.Run(app.NewSchedulerCommand(plugin)))
}
