#include "api/resources/datasets.h"

namespace api {

using base::Code;

const Operation<CreateDataset, Dataset> create_dataset{
    {.name = "create_dataset",
     .method = Method::post,
     .path = "/api/v2/datasets",
     .permission = Permission::member,
     .summary = "Announce the upload of a dataset, or go on with an unfinished one",
     .command = "",
     .errors = {Code::conflict, Code::disk_full},
     .example =
         R"({"name": "fashion", "types": ["FILE", "STRING"], "record_count": 60000, "manifest_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"})",
     .body_limit_bytes = std::size_t{8} << 20,
     .creates = true}};

const Operation<PutShard, Shard, true> put_shard{
    {.name = "put_shard",
     .method = Method::put,
     .path = "/api/v2/datasets/{dataset}/shards/{first_record}",
     .permission = Permission::member,
     .summary = "Upload one shard of a dataset; the same shard again changes nothing",
     .command = "",
     .errors = {Code::conflict, Code::too_large, Code::over_allotment, Code::disk_full},
     .body_limit_bytes = kShardLimitBytes,
     .is_unrecorded = true}};

const Operation<ListShards, Page<Shard>> list_shards{
    {.name = "list_shards",
     .method = Method::get,
     .path = "/api/v2/datasets/{dataset}/shards",
     .permission = Permission::viewer,
     .summary = "List the shards that have arrived, so that an upload can be resumed",
     .command = "dataset shards"}};

const Operation<DatasetRef, Dataset> complete_dataset{{.name = "complete_dataset",
                                                       .method = Method::post,
                                                       .path = "/api/v2/datasets/{dataset}/complete",
                                                       .permission = Permission::member,
                                                       .summary = "Finish an upload: every record must have arrived",
                                                       .command = "",
                                                       .errors = {Code::conflict}}};

const Operation<PageRequest, Page<Dataset>> list_datasets{{.name = "list_datasets",
                                                           .method = Method::get,
                                                           .path = "/api/v2/datasets",
                                                           .permission = Permission::viewer,
                                                           .summary = "List datasets",
                                                           .command = "dataset ls"}};

const Operation<DatasetRef, Dataset> get_dataset{{.name = "get_dataset",
                                                  .method = Method::get,
                                                  .path = "/api/v2/datasets/{dataset}",
                                                  .permission = Permission::viewer,
                                                  .summary = "Show a dataset",
                                                  .command = "dataset show"}};

const Operation<DeleteDataset, Deleted> delete_dataset{
    {.name = "delete_dataset",
     .method = Method::del,
     .path = "/api/v2/datasets/{dataset}",
     .permission = Permission::member,
     .summary = "Remove a dataset and say how much storage that gave back",
     .command = "dataset rm",
     .done = "dataset {dataset} removed, {freed_bytes} freed[; {note}]",
     .errors = {Code::conflict}}};

}  // namespace api
