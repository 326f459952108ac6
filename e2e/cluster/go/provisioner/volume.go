// Package provisioner makes local volumes on the one node of a built-in cluster.
package provisioner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

// Name is what a StorageClass writes as its provisioner.
const Name = "memoryplatform.dev/local"

// local keeps each volume as a folder below root. The folder belongs to root, as on a freshly formatted disk:
// a pod that does not run as root reaches it through its fsGroup, which kubelet applies to local volumes.
type local struct{ root string }

// Provision makes the folder and describes it; the scheduler chose the node before.
func (l local) Provision(_ context.Context, options controller.ProvisionOptions) (
	*core.PersistentVolume, controller.ProvisioningState, error,
) {
	if options.SelectedNodeName == "" {
		return nil, controller.ProvisioningFinished, errors.New("the storage class must bind with WaitForFirstConsumer")
	}
	path := filepath.Join(l.root, options.PVName)
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, controller.ProvisioningFinished, fmt.Errorf("make the volume's folder: %w", err)
	}
	return describe(path, options), controller.ProvisioningFinished, nil
}

// Delete removes the folder; one that is gone already is no error.
func (l local) Delete(_ context.Context, volume *core.PersistentVolume) error {
	if volume.Spec.Local == nil || filepath.Dir(volume.Spec.Local.Path) != l.root {
		return &controller.IgnoredError{Reason: "the volume is not a folder of this node"}
	}
	return os.RemoveAll(volume.Spec.Local.Path)
}

func describe(path string, options controller.ProvisionOptions) *core.PersistentVolume {
	filesystem := core.PersistentVolumeFilesystem
	return &core.PersistentVolume{
		ObjectMeta: meta.ObjectMeta{Name: options.PVName},
		Spec: core.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: *options.StorageClass.ReclaimPolicy,
			AccessModes:                   options.PVC.Spec.AccessModes,
			Capacity: core.ResourceList{
				core.ResourceStorage: options.PVC.Spec.Resources.Requests[core.ResourceStorage],
			},
			VolumeMode:             &filesystem,
			PersistentVolumeSource: core.PersistentVolumeSource{Local: &core.LocalVolumeSource{Path: path}},
			NodeAffinity:           onlyOn(options.SelectedNodeName),
		},
	}
}

func onlyOn(node string) *core.VolumeNodeAffinity {
	host := core.NodeSelectorRequirement{
		Key: core.LabelHostname, Operator: core.NodeSelectorOpIn, Values: []string{node},
	}
	term := core.NodeSelectorTerm{MatchExpressions: []core.NodeSelectorRequirement{host}}
	return &core.VolumeNodeAffinity{Required: &core.NodeSelector{NodeSelectorTerms: []core.NodeSelectorTerm{term}}}
}
