package app

import (
	"context"
	"fmt"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"

	apipb "github.com/fairlead-batch/fairlead/proto/gen/api"
	gatewayapi "github.com/fairlead-batch/fairlead/proto/gen/gateway/api"
	openapi "github.com/fairlead-batch/fairlead/proto/openapi"
	"github.com/fairlead-batch/fairlead/services/internal/rpc"
	"github.com/fairlead-batch/fairlead/services/internal/rpc/kubejson"
)

// restHandler is the REST gateway of all services, a client of the gRPC server, and
// the document that describes it.
func restHandler(ctx context.Context, conn grpc.ClientConnInterface) (http.Handler, error) {
	mux := rpc.NewGateway(kubejson.Marshaler{})
	runtime.WithMarshalerOption("text/event-stream", kubejson.EventStream{})(mux)
	for _, register := range []func() error{
		func() error { return gatewayapi.RegisterSubmitHandlerClient(ctx, mux, apipb.NewSubmitClient(conn)) },
		func() error { return gatewayapi.RegisterEventHandlerClient(ctx, mux, apipb.NewEventClient(conn)) },
		func() error { return gatewayapi.RegisterJobsHandlerClient(ctx, mux, apipb.NewJobsClient(conn)) },
	} {
		if err := register(); err != nil {
			return nil, fmt.Errorf("make the REST gateway: %w", err)
		}
	}
	root := http.NewServeMux()
	for _, path := range []string{"GET /swagger.json", "GET /api/swagger.json"} {
		root.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(openapi.Document())
		})
	}
	root.Handle("/", mux)
	return root, nil
}
