#include "api/resources/models.h"

#include <charconv>

namespace api {

using base::Code;

namespace {

constexpr std::string_view kTrainExample =
    R"({"filename": "mlp.yaml", "datasets": [{"role": "train", "dataset": "fashion"}], "yaml": ")"
    R"(layers:\n  - {type: Affine, config: {nout: 10, init: {type: GlorotUniform}, activation: {type: Softmax}}}\n)"
    R"(cost: CrossEntropyMulti\noptimizer: {type: GradientDescentMomentum, config: {learning_rate: 0.1}}\nepochs: 2\n)"
    R"(dataset:\n  etl:\n    - {type: image, height: 28, width: 28, channels: 1}\n    - {type: label}\n"})";

}  // namespace

std::optional<std::int64_t> ModelKey::number() const {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), number);
  if (error != std::errc() || end != text_.data() + text_.size()) return std::nullopt;
  return number;
}

ModelKey ModelKey::from_json(const base::json::value& value, std::string_view where) {
  if (value.is_string()) {
    base::check_text(kReference, value.get_string(), where);
    return std::string(value.get_string());
  }
  if (value.is_int64()) return value.get_int64();
  base::fail_expected("the number or the name of a model", value, where);
}

const Operation<TrainModel, Model> train_model{{.name = "train_model",
                                                .method = Method::post,
                                                .path = "/api/v2/models",
                                                .permission = Permission::member,
                                                .summary = "Submit a model file for training",
                                                .command = "model train",
                                                .errors = {Code::over_allotment, Code::conflict, Code::not_found},
                                                .example = kTrainExample,
                                                .creates = true}};

const Operation<ListModels, Page<Model>> list_models{{.name = "list_models",
                                                      .method = Method::get,
                                                      .path = "/api/v2/models",
                                                      .permission = Permission::viewer,
                                                      .summary = "List models",
                                                      .command = "model ls"}};

const Operation<ModelRef, Model> get_model{{.name = "get_model",
                                            .method = Method::get,
                                            .path = "/api/v2/models/{model}",
                                            .permission = Permission::viewer,
                                            .summary = "Show a model",
                                            .command = "model show"}};

const Operation<RenameModel, Model> rename_model{{.name = "rename_model",
                                                  .method = Method::patch,
                                                  .path = "/api/v2/models/{model}",
                                                  .permission = Permission::member,
                                                  .summary = "Rename a model",
                                                  .command = "model rename",
                                                  .done = "model {id} is called '{name}' now",
                                                  .errors = {Code::precondition_failed},
                                                  .example = R"({"name": "conv-2"})"}};

const Operation<ModelRef, Deleted> delete_model{{.name = "delete_model",
                                                 .method = Method::del,
                                                 .path = "/api/v2/models/{model}",
                                                 .permission = Permission::member,
                                                 .summary = "Remove a model that is neither training nor deployed",
                                                 .command = "model rm",
                                                 .done = "model {model} removed, {freed_bytes} freed[; {note}]",
                                                 .errors = {Code::conflict}}};

const Operation<StopModel, Model> stop_model{
    {.name = "stop_model",
     .method = Method::post,
     .path = "/api/v2/models/{model}/stop",
     .permission = Permission::member,
     .summary = "Stop a training; it keeps a checkpoint of the very step it stopped at",
     .command = "model stop",
     .errors = {Code::conflict}}};

const Operation<ResumeModel, Model> resume_model{
    {.name = "resume_model",
     .method = Method::post,
     .path = "/api/v2/models/{model}/resume",
     .permission = Permission::member,
     .summary = "Go on with a stopped, failed or completed training from its last checkpoint",
     .command = "model resume",
     .errors = {Code::conflict, Code::over_allotment}}};

const Operation<FollowModel, EventsOf<TrainingEvent>> follow_model{
    {.name = "follow_model",
     .method = Method::get,
     .path = "/api/v2/models/{model}/events",
     .permission = Permission::viewer,
     .summary = "Follow a training: states, steps, epochs, checkpoints and log lines",
     .command = "model follow"}};

const Operation<ModelRef, Bytes> get_model_file{{.name = "get_model_file",
                                                 .method = Method::get,
                                                 .path = "/api/v2/models/{model}/file",
                                                 .permission = Permission::viewer,
                                                 .summary = "Download the model file as it was submitted",
                                                 .command = ""}};

const Operation<ModelRef, Bytes> get_checkpoint{{.name = "get_checkpoint",
                                                 .method = Method::get,
                                                 .path = "/api/v2/models/{model}/checkpoint",
                                                 .permission = Permission::viewer,
                                                 .summary = "Download the last checkpoint (safetensors)",
                                                 .command = "model export",
                                                 .errors = {Code::conflict}}};

const Operation<DeployModel, Model> deploy_model{{.name = "deploy_model",
                                                  .method = Method::post,
                                                  .path = "/api/v2/models/{model}/deploy",
                                                  .permission = Permission::member,
                                                  .summary = "Deploy a trained model, so that it answers predictions",
                                                  .command = "model deploy",
                                                  .errors = {Code::conflict, Code::over_allotment},
                                                  .example = R"({"cpus": 1, "memory": "512MiB", "wait": true})"}};

const Operation<UndeployModel, Model> undeploy_model{{.name = "undeploy_model",
                                                      .method = Method::post,
                                                      .path = "/api/v2/models/{model}/undeploy",
                                                      .permission = Permission::member,
                                                      .summary = "End a deployment and give its resources back",
                                                      .command = "model undeploy",
                                                      .errors = {Code::conflict}}};

const Operation<Predict, Prediction, true> predict{
    {.name = "predict",
     .method = Method::post,
     .path = "/api/v2/models/{model}/predict",
     .permission = Permission::viewer,
     .summary = "Predict from one input: the body is what the model reads, such as a PNG file or a text; for a model "
                "with several inputs it is a JSON object with a member for each, text as it is, other bytes as "
                "{\"base64\": \"...\"}",
     .command = "model predict",
     .errors = {Code::conflict, Code::too_large, Code::unavailable},
     .body_limit_bytes = std::size_t{32} << 20,
     .is_unrecorded = true}};

}  // namespace api
