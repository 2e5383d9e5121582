#!/usr/bin/env bash
# The daemon has no code of the engine, of the loader or of their vendors: what strangers send is read in the sandbox.
set -euo pipefail
vendors='libdnnl|libjpeg|libturbojpeg|libpng|libyaml-cpp|libprotobuf|libgomp'
rooms='neon|aeon|tensor|job'

# found PROGRAM: libraries and symbols that are the engine's or the loader's, each once.
found() {
  { readelf -d "$1" | grep -oE "\[($vendors)" || true; nm --demangle --defined-only "$1" | grep -oE " ($rooms)::" || true; } |
    sort -u
}

# What is looked for is seen where it is.
[ "$(found "$1/neon" | wc -l)" -ge 9 ]

if [ -n "$(found "$1/ncloudd")" ]; then
  echo "ncloudd links what belongs into jobs:" $(found "$1/ncloudd") >&2
  exit 1
fi
echo "ncloudd links neither engine nor decoders"
