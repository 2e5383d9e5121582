#pragma once
#include "api/operation.h"

namespace api {

/// The OpenAPI 3.1 document of operations(), sorted by path, so that the same contract gives the same text.
base::json::object openapi(std::string_view server_version);

}  // namespace api
