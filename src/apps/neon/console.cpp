#include "apps/neon/console.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/clock.h"
#include "base/log.h"

namespace {

std::size_t terminal_columns() {
  winsize size{};
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : 80;
}

std::size_t columns_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string bar_of(double share, int width) {
  const int full = static_cast<int>(std::lround(share * width));
  std::string bar = "|";
  for (int i = 0; i < width; ++i) bar += i < full ? "█" : " ";
  return bar + "|";
}

}  // namespace

bool both_are_terminals() { return ::isatty(STDOUT_FILENO) != 0 && ::isatty(STDERR_FILENO) != 0; }

std::string live_line(const wire::Event& step, std::size_t columns) {
  const double share = static_cast<double>(*step.batch) / static_cast<double>(*step.batches);
  const std::string epoch = fmt::format("Epoch {:<3}", *step.epoch);
  const std::string batches = fmt::format("{:>4}/{:<4}", *step.batch, *step.batches);
  const std::string cost = fmt::format("{:.2f} cost", step.cost.value_or(NAN));
  const std::string rate = fmt::format("{:.0f} images/s", step.images_per_s.value_or(0));
  const std::string left = fmt::format("{} left", base::duration_text(step.eta_s.value_or(0)));
  const std::string forms[] = {
      fmt::format("{} [Train {} {} batches, {}, {}, {}]", epoch, bar_of(share, 20), batches, cost, rate, left),
      fmt::format("{} [{} {}, {}, {}, {}]", epoch, bar_of(share, 10), batches, cost, rate, left),
      fmt::format("{} [{}, {}, {}, {}]", epoch, batches, cost, rate, left),
      fmt::format("{} [{}, {}, {}]", epoch, batches, cost, left), fmt::format("{} {}", epoch, cost)};
  for (const std::string& form : forms)
    if (columns_of(form) <= columns) return form;
  return forms[std::size(forms) - 1].substr(0, columns);  // plain letters only
}

Console::Console(std::string cost_name, bool live) : cost_name_(std::move(cost_name)), live_(live) {}

void Console::show(const wire::Event& event) {
  if (event.kind == wire::EventKind::step && live_) show_step(event);
  if (event.kind == wire::EventKind::epoch) show_epoch(event);
  if (event.kind == wire::EventKind::log) {
    clear_live_line();
    std::fflush(stdout);
    fmt::print(stderr, "neon: {}\n", base::printable(event.text.value_or("")));
  }
  std::fflush(stdout);
}

void Console::show_step(const wire::Event& event) {
  clear_live_line();
  const std::size_t columns = terminal_columns() - 1;  // a full line would wrap
  const std::string line = live_line(event, columns);
  drawn_columns_ = std::min(columns_of(line), columns);
  std::fputs(line.c_str(), stdout);
}

/// Also when the terminal was made narrower meanwhile and shows the line in several rows.
void Console::clear_live_line() {
  if (drawn_columns_ == 0) return;
  const std::size_t rows_above = (drawn_columns_ - 1) / terminal_columns();
  if (rows_above > 0) fmt::print("\033[{}A", rows_above);
  std::fputs("\r\033[J", stdout);
  drawn_columns_ = 0;
}

void Console::show_epoch(const wire::Event& event) {
  std::string line = fmt::format("Epoch {:<3} [Train {:.4f} cost, {:.2f}s, {:.0f} images/s]", *event.epoch,
                                 event.cost.value_or(NAN), event.seconds.value_or(0), event.images_per_s.value_or(0));
  if (event.eval_cost) line += fmt::format(" [{} Loss {:.4f}]", cost_name_, *event.eval_cost);
  if (event.metrics)
    for (const auto& metric : *event.metrics)
      line += fmt::format(" [{} {:.4f}]", std::string(metric.key()), metric.value().to_number<double>());
  clear_live_line();
  std::puts(line.c_str());
}
