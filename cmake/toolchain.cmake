# Compiler settings that every target shares.

find_program(CCACHE ccache)
if(CCACHE)
  # The precompiled header makes ccache compare more than the preprocessed text; the first setting is its documented one for
  # that. The others let clones in different folders share what was compiled.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${CCACHE})
endif()

find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# The compiler's own rubbish collection is put off: it costs a tenth of the time and no file here needs 1 GiB.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(--param=ggc-min-expand=200 --param=ggc-min-heapsize=500000)
endif()

# -fopenmp everywhere, because all rooms share one precompiled header and it must see the same flags.
add_compile_options(-Wall -Wextra -Wno-missing-field-initializers $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess> -fopenmp)

# NCLOUD_FUZZ: also build the program in which libFuzzer feeds the parsers (clang).
option(NCLOUD_FUZZ "build the fuzzer" OFF)

# NCLOUD_SANITIZE: empty, or sanitizers such as "address,undefined" or "thread".
set(NCLOUD_SANITIZE "" CACHE STRING "sanitizers to build with")
if(NCLOUD_SANITIZE)
  add_compile_options(-fsanitize=${NCLOUD_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${NCLOUD_SANITIZE})
  if(NCLOUD_SANITIZE STREQUAL "thread")
    add_compile_options(-Wno-tsan)  # Asio's fences, harmless
  endif()
endif()
