// The page of the loader's configuration.
#include <fmt/format.h>

#include "aeon/config.h"
#include "apps/reference/page.h"

namespace reference {

Page loader_page() {
  Page page{"loader.md",
            page_head("Loader", "src/aeon/config.h, src/aeon/extract and src/aeon/augment",
                      "Keys of a model file's `dataset` section that say how records become batches. What they do "
                      "together, and how that\ndiffers from aeon 1.3, is told in [dataset-config.md]"
                      "(../formats/dataset-config.md).")};
  page.text += "\n## Keys of the section\n\n" + table_of_properties(base::schema<aeon::LoaderConfig>());
  const base::json::object etl = aeon::EtlEntry::schema();
  for (const base::json::value& form : etl.at("oneOf").as_array()) {
    const base::json::object& type = form.as_object();
    const base::json::value& word = type.at("properties").as_object().at("type").as_object().at("const");
    page.text += fmt::format("\n## etl `{}`\n\n*{}*\n\n{}", std::string_view(word.as_string()),
                             std::string_view(type.at("description").as_string()), table_of_properties(type));
  }
  page.text += "\n## augmentation `image`\n\nIn the order in which they act.\n\n" +
               table_of_properties(aeon::AugmentationEntry::schema());
  return page;
}

}  // namespace reference
