#include "neon/containers/branches.h"

#include "base/error.h"
#include "neon/layers/merge.h"

namespace neon {

Branch Branch::from_json(const base::json::value& value, std::string_view where) {
  if (!value.is_array()) return {{Part::from_json(value, where)}};
  Branch branch;
  for (std::size_t i = 0; i < value.get_array().size(); ++i)
    for (Part& part : from_json(value.get_array()[i], base::pointer_to(where, i)).parts)
      branch.parts.push_back(std::move(part));
  return branch;
}

base::json::value Branch::to_json() const {
  base::json::array list;
  for (const Part& part : parts) list.push_back(part.to_json());
  return list;
}

base::json::object Branch::schema() {
  return {{"anyOf", base::json::array{Part::schema(), base::json::object{{"type", "array"}}}}};
}

Branches::Branches(std::vector<Branch> branches, std::vector<double> alphas, std::optional<std::string> name)
    : branches_(std::move(branches)), alphas_(std::move(alphas)), name_(std::move(name)) {
  if (branches_.empty()) throw base::Error(base::Code::invalid_argument, "layers is empty; at least one is needed");
  if (!alphas_.empty() && alphas_.size() != branches_.size())
    throw base::Error(
        base::Code::invalid_argument,
        fmt::format("alphas has {} numbers for {} branches; each branch needs one", alphas_.size(), branches_.size()));
}

std::vector<Part> Branches::inner_parts() const {
  std::vector<Part> all;
  for (const Branch& branch : branches_) all.insert(all.end(), branch.parts.begin(), branch.parts.end());
  return all;
}

std::vector<int> Branches::build_branch(GraphBuilder& builder, std::size_t i, std::vector<int> in) const {
  const std::vector<Part>& parts = branches_[i].parts;
  const double alpha = alphas_.empty() ? 1 : alphas_[i];
  if (alpha == 1 || parts.empty()) return builder.add(parts, std::move(in));
  // A branch that begins at a node of another one gets its edge first.
  if (in.empty())
    in = builder.add(parts.front(), in);
  else
    return builder.add(parts, scale_gradients(builder, in, alpha));
  return builder.add({parts.begin() + 1, parts.end()}, scale_gradients(builder, in, alpha));
}

std::vector<int> Branches::build_all(GraphBuilder& builder, const std::vector<int>& in) const {
  std::vector<int> outs;
  for (std::size_t i = 0; i < branches_.size(); ++i) {
    const std::vector<int> out = build_branch(builder, i, in);
    if (out.size() != 1)
      throw base::Error(base::Code::invalid_argument,
                        fmt::format("branch {} gives {} outputs; each must give one to be merged", i, out.size()));
    outs.push_back(out[0]);
  }
  return outs;
}

}  // namespace neon
