package kube

import (
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Connect makes a client of the API server that a kubeconfig file names; without a
// path, of the cluster that this process runs in. It makes no call.
func Connect(kubeconfig string) (kubernetes.Interface, error) {
	var cfg *rest.Config
	var err error
	if kubeconfig == "" {
		cfg, err = rest.InClusterConfig()
	} else {
		cfg, err = clientcmd.BuildConfigFromFlags("", kubeconfig)
	}
	switch {
	case errors.Is(err, rest.ErrNotInCluster):
		return nil, errors.New("read how to reach Kubernetes: no kubeconfig is named, and this process runs in no cluster that would tell it: set kubernetes.kubeconfig")
	case err != nil:
		return nil, fmt.Errorf("read how to reach Kubernetes: %w", err)
	}
	cfg.UserAgent = "fairlead-executor"
	// Half the server's work for a pod is JSON's.
	cfg.ContentType = runtime.ContentTypeProtobuf
	cfg.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	// The workers are the limit. A limiter would make orders wait out of sight, past
	// their start window.
	cfg.QPS = -1
	// What the server has to say of a pod that it takes all the same is for who wrote the
	// pod; here it would be a line in the log for every pod.
	cfg.WarningHandler = rest.NoWarnings{}
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("make Kubernetes client: %w", err)
	}
	return client, nil
}
