#include "apps/neon/options.h"

#include <CLI/CLI.hpp>

#include "base/version.h"
#include "wire/process.h"

namespace {

/// CLI11's own says the largest double in full.
CLI::Validator over_zero() {
  return {[](std::string& text) {
            double number = 0;
            if (CLI::detail::lexical_cast(text, number) && number > 0) return std::string();
            return "expected a number over 0, got '" + text + "'";
          },
          "POSITIVE"};
}

}  // namespace

void declare(CLI::App& app, Options& options) {
  app.add_option("yaml_file", options.model_file, "the model file");
  app.add_option("-e,--epochs", options.epochs, "passes over the data, instead of the file's")->check(over_zero());
  app.add_option("-z,--batch_size", options.batch_size, "rows of a step, instead of the file's")->check(over_zero());
  app.add_option("-r,--rng_seed", options.rng_seed,
                 "of all random numbers, instead of the file's; drawn when neither has one");
  app.add_option("-s,--save_path", options.save_path, "checkpoint file");
  app.add_option("--serialize", options.serialize,
                 "epochs between checkpoints, 1 without a number; else as the model's SerializeModelCallback says")
      ->expected(0, 1)
      ->default_str("1")
      ->check(over_zero());
  app.add_option("-H,--history", options.history,
                 "checkpoints kept; over 1 they are named SAVE_PATH_EPOCH, and SAVE_PATH is a link to the newest")
      ->check(over_zero());
  auto* resume = app.add_option("--model_file", options.load_path, "checkpoint to go on from");
  app.add_option("--start_from", options.start_from,
                 "checkpoint whose weights a new training begins with, instead of the file's")
      ->excludes(resume);
  app.add_option("--new_layers", options.new_layers, "layers that take none of those weights, as a,b,c")
      ->delimiter(',');
  app.add_option(
      "-o,--output_file", options.output_file,
      "write all events there: HDF5 in neon's layout to a name that ends with .h5 or .hdf5 (training-events.md), "
      "else one JSON object a line");
  app.add_option("-l,--log", options.log_file,
                 "also append what is told after each epoch there, with the time; "
                 "neon_log.txt without a name")
      ->expected(0, 1)
      ->default_str("neon_log.txt");
  app.add_option("--eval_freq", options.eval_freq,
                 "epochs between evaluations; 0: none. Else as the model's LossCallback says, or 1")
      ->check(CLI::NonNegativeNumber);
  app.add_option("-w,--data_dir", options.data_dir, "folder of the manifests, instead of the model file's");
  app.add_option("--manifest", options.manifests,
                 "train:FILE or eval:FILE, instead of the model file's; may be given for each");
  app.add_option("--manifest_root", options.manifest_root, "folder that names in manifests start from");
  app.add_option("--threads", options.threads, "of the engine; 0: one per CPU")->check(CLI::NonNegativeNumber);
  app.add_flag("--no_progress_bar", options.no_progress_bar, "a line per epoch instead of a live line");
  app.add_flag("--profile", options.profile, "measure the network's speed on random data instead of training it");
  app.add_flag("--profile_inference", options.profile_inference, "with --profile: forward only");
  app.add_flag("--profile_loader", options.profile_loader, "measure one epoch of the loader instead of training");
  app.add_option("--profile_seconds", options.profile_seconds, "how long to measure")->check(over_zero());
  app.add_option("--profile_iterations", options.profile_iterations, "steps to measure, instead of seconds")
      ->check(over_zero());
  app.add_option("--profile_iter_skip", options.profile_iter_skip, "steps before the first that is measured")
      ->check(CLI::NonNegativeNumber);
  auto* check = app.add_option(
      "--check", options.check,
      "decode every record of this manifest and tell all faults: as the model file reads them, or without one as "
      "images and labels");
  app.add_option("--labels", options.labels, "with --check: file with the names of the classes")->needs(check);
  app.add_option("--root", options.root, "with --check: folder that relative names start from")->needs(check);
  app.add_flag("-v,--verbose", options.verbose, "show the network; twice: also what the engine does");
  app.add_flag(std::string(wire::kTrainMode), options.job,
               "be a training process: told by standard input (used by ncloudd)");
  app.add_flag(std::string(wire::kServeMode), options.serve,
               "be a serving process: told by standard input (used by ncloudd)");
  app.add_flag(std::string(wire::kCheckMode), options.checker,
               "be a process that checks model files: told by standard input (used by ncloudd)");
}

void declare_commands(CLI::App& app, Options& options) {
  const auto command = [&](const char* name, const char* doc) {
    CLI::App* added = app.add_subcommand(name, doc);
    added->callback([&options, name] { options.command = name; });
    return added;
  };
  const auto threads = [](CLI::App* to, int& number) {
    to->add_option("--threads", number, "of the engine; 0: one per CPU")->check(CLI::NonNegativeNumber);
  };
  const auto batch_size = [](CLI::App* to, std::optional<std::int64_t>& number) {
    to->add_option("-z,--batch_size", number, "rows of a step, instead of the file's")->check(over_zero());
  };

  const auto weights = [](CLI::App* to, neon::Weights& which) {
    std::map<std::string, neon::Weights> words;
    for (const auto& [value, word] : enumerators(which)) words[word] = value;
    to->add_option("--weights", which,
                   "model: those that it was evaluated with; newest: of the last update; average: their weight_average")
        ->transform(CLI::CheckedTransformer(words));
  };

  CLI::App* plan = command("plan", "tell what a model is made of and takes, without running it");
  plan->add_option("model_file", options.plan.model_file, "the model file")->required();
  plan->add_flag("--explain", options.plan.explain, "also the kernel of every step, and why others were refused");
  plan->add_flag("--inference", options.plan.inference, "the plan of a prediction instead of a training step");
  batch_size(plan, options.plan.batch_size);
  threads(plan, options.plan.threads);

  CLI::App* bench = command("bench", "measure a model layer by layer, forward and backward, on random data");
  bench->add_option("model_file", options.bench.model_file, "the model file")->required();
  bench->add_flag("--inference", options.bench.inference, "predictions instead of training steps");
  bench->add_option("--seconds", options.bench.seconds, "how long to measure")->check(over_zero());
  batch_size(bench, options.bench.batch_size);
  threads(bench, options.bench.threads);

  CLI::App* eval = command("eval", "cost, metrics and confusions of a trained model on a manifest");
  eval->add_option("checkpoint", options.eval.checkpoint, "the trained model")->required();
  eval->add_option("-m,--manifest", options.eval.manifest, "records to judge it by; the model's `eval` without");
  eval->add_option("--labels", options.eval.labels, "names of the classes; those of the model without");
  eval->add_option("--root", options.eval.root, "folder that the manifest's relative names start from");
  eval->add_option("-w,--data_dir", options.eval.data_dir, "folder of the model's own manifests");
  eval->add_option("-z,--batch_size", options.eval.batch_size,
                   "rows at once, 128 when absent; of streams as many as in training")
      ->check(over_zero());
  threads(eval, options.eval.threads);
  weights(eval, options.eval.weights);

  CLI::App* predict = command("predict", "what a trained model says of files, or makes of noise");
  predict->add_option("checkpoint", options.predict.checkpoint, "the trained model")->required();
  predict->add_option("files", options.predict.files,
                      "what the model reads, prepared as in training; - is standard input; of a model with several "
                      "inputs NAME=FILE for "
                      "each");
  predict->add_option("-k", options.predict.k, "how many classes to tell, the likeliest first; 5 when absent")
      ->check(over_zero());
  predict->add_option("-n,--samples", options.predict.samples, "how many a GenerativeAdversarial makes")
      ->check(CLI::Range(1, 4096));
  predict->add_option("-o,--output", options.predict.output,
                      "PNG file for them, or for the picture or mask that it makes of files; else numbers are printed");
  predict->add_option("--generate", options.predict.generate,
                      "write a text that goes on from this one, by a model that says of each token which is next");
  predict
      ->add_option("--steps", options.predict.steps,
                   "tokens of a text that is written, at most; without it as many as in training")
      ->check(CLI::Range(1, 1'000'000));
  predict
      ->add_option("--num_beams", options.predict.num_beams,
                   "texts that are followed at the same time; the likeliest token each time where it is 1")
      ->check(CLI::Range(1, 1024));
  predict
      ->add_option("--temperature", options.predict.temperature,
                   "over 0: tokens are drawn by their probabilities; 1 as they are, less makes likely ones likelier")
      ->check(CLI::NonNegativeNumber);
  predict->add_option("-r,--rng_seed", options.predict.rng_seed, "of noise and of drawing");
  threads(predict, options.predict.threads);
  weights(predict, options.predict.weights);

  CLI::App* export_onnx = command("export", "write a trained model as an ONNX file, for other programs to run");
  export_onnx->add_option("checkpoint", options.export_onnx.checkpoint, "the trained model")->required();
  export_onnx->add_option("file", options.export_onnx.file, "the ONNX file to write")->required();
  weights(export_onnx, options.export_onnx.weights);

  CLI::App* import_onnx =
      command("import", "take over a network from an ONNX file, or its weights from a safetensors file");
  import_onnx->add_option("file", options.import_onnx.file, "the ONNX file, or with --model the safetensors file")
      ->required();
  import_onnx->add_option("checkpoint", options.import_onnx.checkpoint, "the trained model to write")->required();
  auto* yaml = import_onnx->add_option("--yaml", options.import_onnx.model_file,
                                       "also write the layers of an ONNX file as a model file");
  auto* model =
      import_onnx->add_option("--model", options.import_onnx.model, "the model file whose weights the file has")
          ->excludes(yaml);
  import_onnx
      ->add_option("--names", options.import_onnx.names, "which tensors are which parameters (foreign-weights.md)")
      ->needs(model);
}

std::optional<int> read_options(int argc, char** argv, Options& options) {
  CLI::App app("neon trains a model file, without any cloud.\n", "neon");
  app.set_version_flag("--version", std::string("neon ") + base::kVersion);
  app.set_config("-c,--config", "", "file with options, a line each: epochs = 10; the command line goes before it");
  declare(app, options);
  declare_neon_options(app);
  declare_commands(app, options);
  try {
    app.parse(argc, argv);
    if (!options.job && !options.serve && !options.checker && options.check.empty() && options.command.empty() &&
        options.model_file.empty())
      throw CLI::RequiredError("a model file");
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return std::nullopt;
}
