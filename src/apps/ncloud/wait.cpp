#include "apps/ncloud/wait.h"

#include <thread>

#include "apps/ncloud/terminal.h"
#include "base/clock.h"

namespace ncloud {

using api::ModelState;

std::optional<api::Model> look_at(Session& session, const api::ModelKey& model) {
  if (interrupted()) return std::nullopt;
  try {
    return session.client().call(api::get_model, {.model = model});
  } catch (const base::Error& error) {
    if (error.code == base::Code::interrupted) return std::nullopt;
    throw;
  }
}

std::optional<api::Model> wait_until(Session& session, api::Model model, std::string_view doing,
                                     const std::function<bool(const api::Model&)>& settled) {
  constexpr int kShortestMs = 10, kLongestMs = 250;
  const std::int64_t start_us = base::steady_now_us();
  LiveLine line;
  std::string told;
  int pause_ms = kShortestMs;
  while (!settled(model)) {
    const double seconds = static_cast<double>(base::steady_now_us() - start_us) / 1e6;
    line.draw({{fmt::format("{} {}", doing, name_of(model))}, {base::duration_text(seconds), 1}, {model.reason, 2}});
    if (!shows_live_lines() && !model.reason.empty() && model.reason != std::exchange(told, model.reason))
      session.note(fmt::format("{}: {}", name_of(model), model.reason));
    std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms));
    pause_ms = std::min(pause_ms * 5 / 4 + 1, kLongestMs);
    std::optional<api::Model> now = look_at(session, model.id);
    if (!now) return std::nullopt;
    model = std::move(*now);
  }
  return model;
}

std::optional<api::Model> wait_for_what_ends(Session& session, const api::ModelKey& model) {
  std::optional<api::Model> now = look_at(session, model);
  if (!now) return std::nullopt;
  const bool undeploys = now->state == ModelState::undeploying;
  return wait_until(session, std::move(*now), undeploys ? "undeploying" : "stopping",
                    [](const api::Model& m) { return m.state != ModelState::undeploying && !m.stop_requested; });
}

int leave(const Session& session, std::string_view what_goes_on, std::string_view words) {
  if (notes_are_terminal()) tell("");  // after the ^C
  session.note(fmt::format("{}; come back with: {}", what_goes_on, session.command(words)));
  return base::kind_of(base::Code::interrupted).exit_code;
}

int do_each(std::size_t count, const std::function<int(std::size_t)>& work) {
  if (count == 1) return work(0);
  int worst = 0;
  for (std::size_t i = 0; i < count; ++i) {
    try {
      worst = std::max(worst, work(i));
    } catch (const base::Error& error) {
      if (concerns_all(error.code)) throw;
      complain(error.message);
      worst = std::max(worst, base::kind_of(error.code).exit_code);
    }
    if (interrupted()) break;
  }
  return worst;
}

std::string name_of(const api::Model& model) { return fmt::format("model {} ({})", model.id, model.name); }

}  // namespace ncloud
