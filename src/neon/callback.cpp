#include "neon/callback.h"

namespace neon {

std::vector<std::shared_ptr<Callback>> make_callbacks(const std::vector<Part>& parts) {
  std::vector<std::shared_ptr<Callback>> callbacks;
  for (const Part& part : parts) callbacks.push_back(Shelf<Callback>::instance().make(part));
  return callbacks;
}

}  // namespace neon
