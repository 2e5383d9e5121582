#pragma once
#include <functional>
#include <optional>

#include "apps/ncloud/session.h"

namespace ncloud {

/// The model as it is now; nothing after Ctrl-C.
std::optional<api::Model> look_at(Session& session, const api::ModelKey& model);

/// Looks at a model until it is `settled`, and shows meanwhile what it is `doing` and why that takes time. Nothing
/// after Ctrl-C. It asks again and again rather than once with `wait`, because that answers at the end alone: the
/// reasons on the way would not be seen, several models would be waited for one by one before they are asked to stop,
/// and a second request finds the model settled already, which is a conflict.
std::optional<api::Model> wait_until(Session& session, api::Model model, std::string_view doing,
                                     const std::function<bool(const api::Model&)>& settled);

/// The model once a stop or an undeploy that was asked for before is done, so that the opposite can follow it at once.
/// Nothing after Ctrl-C.
std::optional<api::Model> wait_for_what_ends(Session& session, const api::ModelKey& model);

/// Says what goes on without this program and which words come back to it. Gives the exit code of an interrupted
/// command.
int leave(const Session& session, std::string_view what_goes_on, std::string_view words);

/// Does `work` for each of several things. One that fails is reported and does not keep back the others, unless the
/// server or the token is what is wrong. Gives the highest exit code. A single one's error goes on to the caller.
int do_each(std::size_t count, const std::function<int(std::size_t)>& work);
template <class List, class Work>
int for_each_of(const List& things, Work work) {
  return do_each(things.size(), [&](std::size_t i) { return work(things[i]); });
}

/// "model 3 (conv)"
std::string name_of(const api::Model& model);

}  // namespace ncloud
