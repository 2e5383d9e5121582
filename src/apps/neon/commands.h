#pragma once
#include "apps/neon/options.h"
#include "job/check.h"

// The commands of `neon` besides training. Each prints to standard output and returns the exit code.

/// Layers, shapes, parameters, operations and memory of a model file; with `explain` every step and its kernel.
int tell_plan(const PlanCommand& command);

/// Time by layer, forward, backward and update.
int bench_layers(const BenchCommand& command);

/// Cost, metrics, accuracy by class and the confusion matrix.
int judge(const EvalCommand& command);

/// The likeliest classes of each file, or the outputs as they are when there are no classes; samples of a
/// GenerativeAdversarial.
int predict_files(const PredictCommand& command);

/// A trained model as an ONNX file.
int export_model(const ExportCommand& command);

/// A network of an ONNX file as a trained model.
int import_model(const ImportCommand& command);

/// Another program's weights for a model file, as a trained model.
int import_weights(const ImportCommand& command);

/// A model file with everything about it checked. A batch size for predicting need not be one that training could use.
job::CheckedModel checked_model(const std::string& file, std::optional<std::int64_t> batch_size, bool inference);
