#pragma once
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/fields.h"

namespace neon {

/// One mention of a shelf member in a model: {type: Gaussian, config: {scale: 0.01}}.
struct Part {
  std::string type;
  base::json::object config;
  std::string where;  ///< JSON pointer of this mapping in the model file, for errors

  /// Accepts {type, config} (config may be absent) or a bare name.
  static Part from_json(const base::json::value& value, std::string_view where);
  base::json::value to_json() const;
  static base::json::object schema();
};

/// Everything is computed in f32. Errors: invalid_argument for a number, at any depth, that f32 cannot hold: it would
/// be infinite, or 0 without being 0.
void check_numbers(const base::json::value& value, std::string_view where);

/// All members of one kind (layers, costs, optimizers, ...), by the name that model files use. Members register
/// themselves from their own files; nothing else names them.
template <class Interface>
class Shelf {
 public:
  struct Member {
    std::string_view name;
    std::string_view doc;      ///< one line for people, without a full stop
    std::string_view details;  ///< Markdown for the reference page: formulas, shapes, what else to know; may be empty
    base::json::object (*schema)();
    std::unique_ptr<Interface> (*make)(const base::json::object& config, std::string_view where);
  };

  static Shelf& instance() {
    static Shelf shelf;
    return shelf;
  }

  void add(Member member) { members_[member.name] = member; }

  const std::map<std::string_view, Member>& members() const { return members_; }

  /// Errors: invalid_argument naming the nearest known member.
  const Member& find(std::string_view name, std::string_view where) const {
    const auto found = members_.find(name);
    if (found != members_.end()) return found->second;
    std::vector<std::string_view> names;
    for (const auto& [known, member] : members_) names.push_back(known);
    throw base::Error(base::Code::invalid_argument, base::unknown_word(Interface::kKind, name, names),
                      base::pointer_to(where, "type"));
  }

  std::unique_ptr<Interface> make(const Part& part) const {
    return find(part.type, part.where).make(part.config, base::pointer_to(part.where, "config"));
  }

 private:
  std::map<std::string_view, Member> members_;
};

/// Puts T on its shelf: `const OnShelf<Optimizer, Adam> registered("Adam", "Kingma and Ba 2014");` in T's file.
/// T::Config is a described struct and T is made from one; an Error of its constructor that names no place gets the
/// place of the config.
template <class Interface, class T>
struct OnShelf {
  OnShelf(std::string_view name, std::string_view doc, std::string_view details = {}) {
    Shelf<Interface>::instance().add(
        {name, doc, details, [] { return base::schema<typename T::Config>(); },
         [](const base::json::object& config, std::string_view where) -> std::unique_ptr<Interface> {
           check_numbers(config, where);
           auto decoded = base::decode<typename T::Config>(config, where);
           try {
             return std::make_unique<T>(std::move(decoded));
           } catch (base::Error& error) {
             if (error.where.empty()) error.where = where;
             throw;
           }
         }});
  }
};

}  // namespace neon
