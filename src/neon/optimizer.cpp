#include "neon/optimizer.h"

namespace neon {

const Optimizer& Optimizer::rule_for(std::string_view, std::string_view) const { return *this; }

}  // namespace neon
