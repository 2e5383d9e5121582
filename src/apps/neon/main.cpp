#include <fmt/format.h>

#include <cstdio>
#include <exception>

#include "apps/neon/options.h"
#include "apps/neon/stand_alone.h"
#include "base/error.h"
#include "base/log.h"
#include "job/process.h"

int main(int argc, char** argv) {
  Options options;
  if (const auto exit_code = read_options(argc, argv, options)) return *exit_code;
  if (options.job) return job::run_train_process();
  if (options.serve) return job::run_serve_process();
  try {
    return run_stand_alone(options);
  } catch (const base::Error& error) {
    fmt::print(stderr, "neon: {}\n", base::printable(error.message));
    return base::kind_of(error.code).exit_code;
  } catch (const std::exception& error) {
    fmt::print(stderr, "neon: {}\n", error.what());
    return 1;
  }
}
