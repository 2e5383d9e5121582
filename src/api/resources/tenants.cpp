#include "api/resources/tenants.h"

namespace api {

using base::Code;

const Operation<CreateTenant, Tenant> create_tenant{{.name = "create_tenant",
                                                     .method = Method::post,
                                                     .path = "/api/v2/tenants",
                                                     .permission = Permission::admin,
                                                     .summary = "Add a tenant",
                                                     .command = "tenant add",
                                                     .done = "tenant {name} added",
                                                     .errors = {Code::conflict},
                                                     .example = R"({"name": "vision"})",
                                                     .creates = true}};

const Operation<PageRequest, Page<Tenant>> list_tenants{{.name = "list_tenants",
                                                         .method = Method::get,
                                                         .path = "/api/v2/tenants",
                                                         .permission = Permission::admin,
                                                         .summary = "List tenants",
                                                         .command = "tenant ls"}};

const Operation<TenantRef, Tenant> get_tenant{{.name = "get_tenant",
                                               .method = Method::get,
                                               .path = "/api/v2/tenants/{tenant}",
                                               .permission = Permission::admin,
                                               .summary = "Show a tenant",
                                               .command = "tenant show"}};

const Operation<TenantRef, Nothing> delete_tenant{
    {.name = "delete_tenant",
     .method = Method::del,
     .path = "/api/v2/tenants/{tenant}",
     .permission = Permission::admin,
     .summary = "Remove a tenant that has no users, datasets, volumes and models",
     .command = "tenant rm",
     .done = "tenant {tenant} removed",
     .errors = {Code::conflict}}};

const Operation<LimitTenant, Tenant> limit_tenant{
    {.name = "limit_tenant",
     .method = Method::patch,
     .path = "/api/v2/tenants/{tenant}/limits",
     .permission = Permission::admin,
     .summary = "Say how many users, tokens, models, datasets and volumes a tenant may have",
     .command = "tenant limit",
     .done = "tenant {name} may have {max_users} users with {max_tokens} tokens each, {max_models} models, "
             "{max_datasets} datasets and {max_volumes} volumes",
     .errors = {Code::precondition_failed},
     .example = R"({"max_models": 500})"}};

const Operation<Allotment, Tenant> allot_resources{
    {.name = "allot_resources",
     .method = Method::put,
     .path = "/api/v2/tenants/{tenant}/resources",
     .permission = Permission::admin,
     .summary = "Allot CPUs, memory and disk to a tenant",
     .command = "resource allot",
     .done = "allotted to tenant {name}: CPUs {cpus}, memory {memory_bytes}",
     .errors = {Code::over_allotment},
     .example = R"({"cpus": 2, "memory": "4GiB", "disk": "100GiB"})"}};

const Operation<PageRequest, Page<Resources>> list_resources{
    {.name = "list_resources",
     .method = Method::get,
     .path = "/api/v2/resources",
     .permission = Permission::viewer,
     .summary = "Show what your tenant may use and uses (administrators: all tenants)",
     .command = "resource ls"}};

}  // namespace api
