#!/usr/bin/env bash
# Generates gen/ (Go, gRPC, REST gateway) and openapi/*.json from the protos of this folder.
#
#   generate.sh           write them
#   generate.sh --check   change nothing; fail and show what differs
#
# It needs Go and a Go module proxy, nothing else: the tools are built from their modules into bin/tools
# and kept there, and the protos of others are taken out of their modules into .cache. The same input
# gives the same bytes.
#
# The OpenAPI document says what the services serve. What grpc-gateway's generator makes says something
# else in places, among them all of Kubernetes' types; tools/restdoc puts that right, and has the list.
set -euo pipefail

PROTOC_GEN_GO=v1.36.12
PROTOC_GEN_GO_GRPC=v1.6.2
GATEWAY=v2.31.0
BUF=v1.73.0
GOOGLEAPIS=v1.16.0 # of grpc-gateway's first line, the last to carry Google's HTTP annotations

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
tools=$root/bin/tools
cache=$root/.cache/proto

# The Kubernetes that the services are built with: its protos and its Go types must be of one version.
KUBERNETES=$(cd "$root" && go list -m -f '{{.Version}}' k8s.io/api)

# install MODULE PACKAGE VERSION builds a tool, unless that very version is there already.
install() {
  local module=$1 package=$2 version=$3
  local binary=$tools/${package##*/}
  if [ -x "$binary" ] && go version -m "$binary" | grep -qE "^[[:space:]]mod[[:space:]]+${module}[[:space:]]+${version}([[:space:]]|\$)"; then
    return
  fi
  echo "installing ${package##*/} $version" >&2
  (cd / && CGO_ENABLED=0 GOWORK=off GOFLAGS= GOBIN=$tools go install -trimpath -ldflags '-s -w' "$package@$version")
}

# module NAME VERSION prints where the module's files are, after fetching them if need be.
module() {
  (cd / && GOWORK=off GOFLAGS= go mod download -json "$1@$2") | sed -n 's/^[[:space:]]*"Dir": "\(.*\)",\{0,1\}$/\1/p'
}

# third_party FOLDER copies the protos of others that ours reach, at the paths by which they are imported.
third_party() {
  local to=$1 api machinery google package
  api=$(module k8s.io/api $KUBERNETES)
  machinery=$(module k8s.io/apimachinery $KUBERNETES)
  google=$(module github.com/grpc-ecosystem/grpc-gateway $GOOGLEAPIS)
  for package in core/v1 networking/v1; do
    mkdir -p "$to/k8s.io/api/$package"
    cp "$api/$package/generated.proto" "$to/k8s.io/api/$package/"
  done
  for package in api/resource apis/meta/v1 runtime runtime/schema util/intstr; do
    mkdir -p "$to/k8s.io/apimachinery/pkg/$package"
    cp "$machinery/pkg/$package/generated.proto" "$to/k8s.io/apimachinery/pkg/$package/"
  done
  mkdir -p "$to/google/api"
  cp "$google/third_party/googleapis/google/api/"{annotations,http}.proto "$to/google/api/"
}

# generate FOLDER lays out a workspace there, checks it, and leaves gen/ and openapi/ in its out/.
generate() {
  local work=$1
  (cd "$here" && find . -name '*.proto' -print) | while read -r file; do
    mkdir -p "$work/$(dirname "$file")"
    cp "$here/$file" "$work/$file"
  done
  third_party "$work/third_party"
  cp "$here"/buf*.yaml "$here/openapi/openapi.yaml" "$work/"
  export PATH=$tools:$PATH BUF_CACHE_DIR=$cache/buf
  cd "$work"
  mkdir out
  buf lint
  # The order of arguments is the order of files in the merged document, so it is fixed.
  buf generate --template buf.gen.yaml -o out --path api --path binoculars --path schedulerobjects --path fairlead --path third_party/k8s.io
  buf generate --template buf.gen.rest.yaml -o out --path api --path binoculars --path schedulerobjects
  buf build --as-file-descriptor-set -o descriptors.binpb
  # From the module alone, which imports nothing that is generated here.
  (cd "$root/tools" && GOWORK=off go run ./restdoc "$work/out/openapi/fairlead.swagger.json" "$work/descriptors.binpb" "$work/out/openapi")
  rm out/openapi/fairlead.swagger.json
  cd "$here"
}

# replace FROM TO makes the files of TO those of FROM, touching only those that differ.
replace() {
  local from=$1 to=$2
  mkdir -p "$to"
  (cd "$to" && find . -type f -print) | while read -r file; do
    [ -e "$from/$file" ] || rm "$to/$file"
  done
  (cd "$from" && find . -type f -print) | while read -r file; do
    cmp -s "$from/$file" "$to/$file" && continue
    mkdir -p "$(dirname "$to/$file")"
    cp "$from/$file" "$to/$file"
  done
  find "$to" -type d -empty -delete
}

case "$*" in
"" | --check) ;;
*)
  echo "usage: generate.sh [--check]" >&2
  exit 2
  ;;
esac

mkdir -p "$tools" "$cache"
install google.golang.org/protobuf google.golang.org/protobuf/cmd/protoc-gen-go $PROTOC_GEN_GO
install google.golang.org/grpc/cmd/protoc-gen-go-grpc google.golang.org/grpc/cmd/protoc-gen-go-grpc $PROTOC_GEN_GO_GRPC
install github.com/grpc-ecosystem/grpc-gateway/v2 github.com/grpc-ecosystem/grpc-gateway/v2/protoc-gen-grpc-gateway $GATEWAY
install github.com/grpc-ecosystem/grpc-gateway/v2 github.com/grpc-ecosystem/grpc-gateway/v2/protoc-gen-openapiv2 $GATEWAY
install github.com/bufbuild/buf github.com/bufbuild/buf/cmd/buf $BUF

work=$(mktemp -d "$cache/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
generate "$work"
if [ "$*" = --check ]; then
  stale=0
  diff -r "$work/out/gen" "$here/gen" >&2 || stale=1
  for document in swagger.json openapi.json; do
    diff "$work/out/openapi/$document" "$here/openapi/$document" >&2 || stale=1
  done
  if [ $stale = 1 ]; then
    echo "generated files are stale: run proto/generate.sh" >&2
  fi
  exit $stale
fi
replace "$work/out/gen" "$here/gen"
mkdir -p "$here/openapi"
cp "$work/out/openapi/"{swagger,openapi}.json "$here/openapi/"
