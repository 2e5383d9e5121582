#pragma once
#include "neon/graph_builder.h"

namespace neon {

/// A layer with what follows it: a bias or a normalisation, and an activation.
class Compound : public GraphPart {
 public:
  Compound(std::optional<std::string> name, std::optional<Part> bias, bool batch_norm, std::optional<Part> activation);

  std::optional<std::string> given_name() const final { return name_; }

  /// The first under its name or the next of its class, then "<base>_bias" or "<base>_bnorm" (or what else a
  /// normalisation is called), then "<base>_<Activation>".
  std::vector<int> build(GraphBuilder& builder, const std::vector<int>& in) const final;

 protected:
  /// The layer that it begins with, without a name.
  virtual Part first() const = 0;

  /// What batch_norm asks for, and how its name ends.
  struct Norm {
    std::string_view type = "BatchNorm", ending = "_bnorm";
  };
  virtual Norm norm() const { return {}; }

 private:
  std::optional<std::string> name_;
  std::optional<Part> bias_, activation_;
  bool batch_norm_;
};

}  // namespace neon
