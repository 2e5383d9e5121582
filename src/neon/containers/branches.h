#pragma once
#include "neon/graph_builder.h"

namespace neon {

/// Layers one after the other, as a file writes a branch: a list, which may hold lists, or a single layer.
struct Branch {
  std::vector<Part> parts;
  static Branch from_json(const base::json::value& value, std::string_view where);
  base::json::value to_json() const;
  static base::json::object schema();
};

/// A part that consists of branches.
class Branches : public GraphPart {
 public:
  std::optional<std::string> given_name() const final { return name_; }
  std::vector<Part> inner_parts() const final;

 protected:
  /// `alphas` weight what flows back from each branch; none: 1 each. Errors: invalid_argument unless there is one for
  /// each branch, and at least one branch.
  Branches(std::vector<Branch> branches, std::vector<double> alphas, std::optional<std::string> name);

  /// Builds branch i behind these edges.
  std::vector<int> build_branch(GraphBuilder& builder, std::size_t i, std::vector<int> in) const;
  /// Each branch behind the same edges, and what comes out of all of them. Errors: invalid_argument where a branch
  /// gives more than one output.
  std::vector<int> build_all(GraphBuilder& builder, const std::vector<int>& in) const;

  std::vector<Branch> branches_;

 private:
  std::vector<double> alphas_;
  std::optional<std::string> name_;
};

}  // namespace neon
