#include "tensor/runnable.h"

namespace tensor {

const Layout& Runnable::layout(Slot slot) const {
  static const Layout none;
  for (const Argument& argument : arguments_)
    if (argument.slot == slot) return argument.layout;
  return none;
}

}  // namespace tensor
