package provisioner

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

// NewCommand is the controller that answers claims of the class with our provisioner's name.
func NewCommand() *cobra.Command {
	var kubeconfig, root string
	command := &cobra.Command{
		Use:          "local-provisioner",
		Short:        "Make and remove local volumes below one folder of this node",
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		RunE: func(command *cobra.Command, _ []string) error {
			client, err := connect(kubeconfig)
			if err != nil {
				return err
			}
			absolute, err := filepath.Abs(root)
			if err != nil {
				return fmt.Errorf("--root: %w", err)
			}
			serve(command.Context(), client, local{root: absolute})
			return nil
		},
	}
	command.Flags().StringVar(&kubeconfig, "kubeconfig", "", "how to reach the API server")
	command.Flags().StringVar(&root, "root", "", "the folder that holds the volumes")
	for _, name := range []string{"kubeconfig", "root"} {
		if err := command.MarkFlagRequired(name); err != nil {
			panic(err) // the flag was declared two lines above
		}
	}
	return command
}

// serve works until the context ends. One node needs no leader, and a person who waits no 15 s between attempts.
func serve(ctx context.Context, client kubernetes.Interface, volumes local) {
	retry := workqueue.NewTypedItemExponentialFailureRateLimiter[string](200*time.Millisecond, 10*time.Second)
	controller.NewProvisionController(ctx, client, Name, volumes,
		controller.LeaderElection(false), controller.RateLimiter(retry),
	).Run(ctx)
}

func connect(kubeconfig string) (kubernetes.Interface, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("--kubeconfig: %w", err)
	}
	return kubernetes.NewForConfig(config)
}
