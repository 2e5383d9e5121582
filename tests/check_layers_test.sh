#!/usr/bin/env bash
# The tree keeps its layers, and the check catches each kind of violation when one is planted.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
"$top/tools/check_layers"

planted() {  # planted FILE INCLUDE_LINE: the check must name FILE
  local tree
  tree=$(mktemp -d)
  mkdir -p "$tree/$(dirname "$1")"
  echo "$2" > "$tree/$1"
  if "$top/tools/check_layers" "$tree" > "$tree/out"; then
    echo "not caught: $2 in $1" >&2
    exit 1
  fi
  grep -q "$1" "$tree/out"
  rm -r "$tree"
}
planted neon/plan.cpp '#include "aeon/loader.h"'           # a room beside
planted base/json.cpp '#include "tensor/tensor.h"'         # a room above
planted cloud/models.cpp '#include "neon/passes/fuse.h"'   # past a door
planted neon/plan.cpp '#include <dnnl.hpp>'                # a vendor outside its seam
planted attic/old.cpp '#include "base/json.h"'             # a folder that is no room
planted api/access.cpp 'std::getenv("NCLOUD_NEW")'         # a variable that no page tells
echo "layers hold; 6 planted violations caught"
