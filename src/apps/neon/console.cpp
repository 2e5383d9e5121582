#include "apps/neon/console.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>

#include "base/clock.h"

Console::Console(std::string cost_name, bool live) : cost_name_(std::move(cost_name)), live_(live) {}

void Console::show(const job::Event& event) {
  if (event.kind == job::EventKind::step && live_) show_step(event);
  if (event.kind == job::EventKind::epoch) show_epoch(event);
  if (event.kind == job::EventKind::log) fmt::print(stderr, "neon: {}\n", event.text.value_or(""));
  std::fflush(stdout);
}

void Console::show_step(const job::Event& event) {
  constexpr int kWidth = 20;
  const double share = static_cast<double>(*event.batch) / static_cast<double>(*event.batches);
  const int full = static_cast<int>(std::lround(share * kWidth));
  std::string bar;
  for (int i = 0; i < kWidth; ++i) bar += i < full ? "█" : " ";
  line_ = fmt::format("Epoch {:<3} [Train |{}| {:>4}/{:<4} batches, {:.2f} cost, {:.0f} images/s, {} left]",
                      *event.epoch, bar, *event.batch, *event.batches, event.cost.value_or(NAN),
                      event.images_per_s.value_or(0), base::duration_text(event.eta_s.value_or(0)));
  std::fputs(("\r" + line_ + "\033[K").c_str(), stdout);
}

void Console::show_epoch(const job::Event& event) {
  std::string line = fmt::format("Epoch {:<3} [Train {:.4f} cost, {:.2f}s, {:.0f} images/s]", *event.epoch,
                                 event.cost.value_or(NAN), event.seconds.value_or(0), event.images_per_s.value_or(0));
  if (event.eval_cost) line += fmt::format(" [{} Loss {:.4f}]", cost_name_, *event.eval_cost);
  if (event.metrics)
    for (const auto& metric : *event.metrics)
      line += fmt::format(" [{} {:.4f}]", std::string(metric.key()), metric.value().to_number<double>());
  if (live_) std::fputs("\r\033[K", stdout);
  std::puts(line.c_str());
}
