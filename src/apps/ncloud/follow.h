#pragma once
#include "apps/ncloud/session.h"

namespace ncloud {

/// Shows a training as it goes, to its end: a live line on a terminal, else a line for each epoch. Gives the exit code:
/// 0 completed or stopped, 1 error, 130 interrupted (the training goes on, or stays in the queue).
int follow_training(Session& session, const api::ModelKey& model, std::int64_t after = 0);

}  // namespace ncloud
