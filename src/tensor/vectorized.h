#pragma once
// NCLOUD_VECTORIZED before a function with plain loops: the compiler makes one version per instruction set and the
// program picks at start, so one binary serves old and new CPUs. Sanitizers cannot run that early choice.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__x86_64__) || defined(__clang__)
#define NCLOUD_VECTORIZED
#else
#define NCLOUD_VECTORIZED __attribute__((optimize("O3"), target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#endif
