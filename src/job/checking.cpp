#include "job/checking.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>

#include "base/clock.h"
#include "base/error.h"
#include "job/check.h"
#include "job/small_model.h"
#include "neon/start.h"

namespace job {

namespace {

/// After an order, until the next child is made: until then, what the order was for has the processors.
constexpr int kRestMs = 20;

/// That the weights of the model to start from fit, by their names and shapes alone.
void check_start(const wire::CheckJob& job, const CheckedModel& checked) {
  if (!job.start_header.empty()) {
    neon::Checkpoint from;
    from.parameters = neon::parameters_in_header(job.start_header);
    neon::take_weights(checked.graph, from, checked.spec.new_layers);
    return;
  }
  if (!checked.spec.start_from) return;
  const base::Error error(base::Code::invalid_argument,
                          fmt::format("the training starts from '{}', which is no model of this cloud's; name one with "
                                      "start_from (ncloud: --start-from)",
                                      *checked.spec.start_from),
                          "/start_from");
  throw neon::located(error, checked.spec);
}

}  // namespace

wire::Event check(const wire::CheckJob& job) {
  const CheckedModel checked = check_model(job.yaml, job.model_file, job.columns, job.labels, job.batch_size);
  check_start(job, checked);
  return {.kind = wire::EventKind::checked,
          .checked = wire::Checked{.epochs = checked.spec.epochs,
                                   .seed = checked.spec.seed,
                                   .memory_bytes = checked.memory_bytes,
                                   .warnings = checked.warnings}};
}

void Checking::run(const base::Fd& orders) {
  find_({.model_file = "small", .yaml = std::string(kSmallModel)});  // all children have that in memory
  while (open_) {
    wait(orders);
    hear();
    while (take_orders()) {}
  }
}

/// Until something comes, or somebody is too slow; takes orders when there is somebody to carry them out.
void Checking::wait(const base::Fd& orders) {
  const bool hears = busy_.size() < wire::kChecksAtOnce;
  std::vector<pollfd> on{{.fd = hears ? orders.get() : -1, .events = POLLIN, .revents = 0}};
  std::int64_t left_ms = next_ ? -1 : kRestMs;
  for (const auto& child : busy_) {
    on.push_back({.fd = child->said(), .events = POLLIN, .revents = 0});
    const std::int64_t its_ms = std::max<std::int64_t>(0, (child->until_us() - base::steady_now_us()) / 1000 + 1);
    left_ms = left_ms < 0 ? its_ms : std::min(left_ms, its_ms);
  }
  const int ready = ::poll(on.data(), on.size(), static_cast<int>(left_ms));
  if (ready < 0 && errno != EINTR) throw base::system_error("cannot wait for orders", errno);
  if (ready == 0 && !next_) next_ = std::make_unique<CheckChild>(find_);
  if (on[0].revents == 0) return;
  char buffer[16384];
  const std::size_t got = base::read_some(orders, buffer);
  open_ = got > 0;
  orders_.append(buffer, got);
}

void Checking::hear() {
  std::erase_if(busy_, [&](const std::unique_ptr<CheckChild>& child) {
    pollfd said{.fd = child->said(), .events = POLLIN, .revents = 0};
    const bool over = ::poll(&said, 1, 0) > 0 ? child->hear() : base::steady_now_us() > child->until_us();
    if (over) tell_(child->answer());
    return over;
  });
}

/// Whether there was one.
bool Checking::take_orders() {
  const auto end = orders_.find('\n');
  if (end == std::string::npos || busy_.size() >= wire::kChecksAtOnce) return false;
  if (!next_) next_ = std::make_unique<CheckChild>(find_);
  next_->order(std::string_view(orders_).substr(0, end));
  busy_.push_back(std::move(next_));
  orders_.erase(0, end + 1);
  return true;
}

}  // namespace job
