#include "api/operation.h"

namespace api {

std::vector<const OperationInfo*>& operations() {
  static std::vector<const OperationInfo*> all;
  return all;
}

}  // namespace api
