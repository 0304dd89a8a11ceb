// Package rest is the REST side of the public address: the gateway of every service
// that has HTTP bindings, and the documents that describe it.
//
// It stands beside the front door as a client of its gRPC server, so a call passes the
// same interceptors and the same routes whichever way it comes: no rule can hold for
// one and not for the other. Messages are written as package kubejson writes them. What
// no service answers yet says so, as over gRPC.
package rest

import (
	"context"
	"fmt"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"

	apipb "github.com/fairlead-batch/fairlead/proto/gen/api"
	"github.com/fairlead-batch/fairlead/proto/gen/binoculars"
	gatewayapi "github.com/fairlead-batch/fairlead/proto/gen/gateway/api"
	gatewaybinoculars "github.com/fairlead-batch/fairlead/proto/gen/gateway/binoculars"
	gatewayreports "github.com/fairlead-batch/fairlead/proto/gen/gateway/schedulerobjects"
	"github.com/fairlead-batch/fairlead/proto/gen/schedulerobjects"
	"github.com/fairlead-batch/fairlead/proto/openapi"
	"github.com/fairlead-batch/fairlead/services/internal/rpc"
	"github.com/fairlead-batch/fairlead/services/internal/rpc/kubejson"
)

// Handler is the gateway, a client of the gRPC server that conn leads to, and its
// documents. The caller keeps conn, and closes it when nothing is served any more.
func Handler(ctx context.Context, conn grpc.ClientConnInterface) (http.Handler, error) {
	mux := rpc.NewGateway(kubejson.Marshaler{})
	runtime.WithMarshalerOption("text/event-stream", kubejson.EventStream{})(mux)
	for _, register := range []func() error{
		func() error { return gatewayapi.RegisterSubmitHandlerClient(ctx, mux, apipb.NewSubmitClient(conn)) },
		func() error { return gatewayapi.RegisterEventHandlerClient(ctx, mux, apipb.NewEventClient(conn)) },
		func() error { return gatewayapi.RegisterJobsHandlerClient(ctx, mux, apipb.NewJobsClient(conn)) },
		// What nobody answers yet says so over REST too, instead of that there is no such path.
		func() error { return gatewayapi.RegisterExecutorHandlerClient(ctx, mux, apipb.NewExecutorClient(conn)) },
		func() error { return gatewayapi.RegisterNodeHandlerClient(ctx, mux, apipb.NewNodeClient(conn)) },
		func() error {
			return gatewayapi.RegisterRetryPolicyServiceHandlerClient(ctx, mux, apipb.NewRetryPolicyServiceClient(conn))
		},
		func() error {
			return gatewayreports.RegisterSchedulerReportingHandlerClient(ctx, mux, schedulerobjects.NewSchedulerReportingClient(conn))
		},
		func() error {
			return gatewaybinoculars.RegisterBinocularsHandlerClient(ctx, mux, binoculars.NewBinocularsClient(conn))
		},
	} {
		if err := register(); err != nil {
			return nil, fmt.Errorf("make the REST gateway: %w", err)
		}
	}
	root := http.NewServeMux()
	for path, document := range map[string][]byte{
		"GET /swagger.json":     openapi.Document(),
		"GET /api/swagger.json": openapi.Document(),
		"GET /openapi.json":     openapi.DocumentV3(),
	} {
		root.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(document)
		})
	}
	root.Handle("/", mux)
	return root, nil
}
