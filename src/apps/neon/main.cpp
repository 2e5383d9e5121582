#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "apps/neon/check.h"
#include "apps/neon/commands.h"
#include "apps/neon/options.h"
#include "apps/neon/stand_alone.h"
#include "base/caught.h"
#include "base/environment.h"
#include "base/log.h"
#include "job/process.h"

namespace {

/// libgomp's threads spin for about a millisecond at each barrier, and on a machine that others use too a preempted one
/// holds all up. This many rounds cost nothing on a quiet machine. libgomp reads the variable before main, hence the
/// new start.
void start_again_with_short_spinning(char** argv) {
  if (base::environment("GOMP_SPINCOUNT") != nullptr || base::environment("OMP_WAIT_POLICY") != nullptr) return;
  ::setenv("GOMP_SPINCOUNT", "10000", 0);
  ::execv("/proc/self/exe", argv);
  // Where /proc is missing the default will do.
}

}  // namespace

int main(int argc, char** argv) {
  start_again_with_short_spinning(argv);
  Options options;
  try {
    if (const auto exit_code = read_options(argc, argv, options)) return *exit_code;
    if (options.job) return job::run_train_process();
    if (options.serve) return job::run_serve_process();
    if (options.checker) return job::run_check_process();
    if (options.command == "plan") return tell_plan(options.plan);
    if (options.command == "bench") return bench_layers(options.bench);
    if (options.command == "eval") return judge(options.eval);
    if (options.command == "predict") return predict_files(options.predict);
    if (options.command == "export") return export_model(options.export_onnx);
    if (options.command == "import")
      return options.import_onnx.model.empty() ? import_model(options.import_onnx)
                                               : import_weights(options.import_onnx);
    return options.check.empty() ? run_stand_alone(options) : check_data(options);
  } catch (...) {
    const base::Error error = base::caught();
    fmt::print(stderr, "neon: {}\n", base::printable(error.message));
    return base::kind_of(error.code).exit_code;
  }
}
