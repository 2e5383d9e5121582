#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/fields.h"
#include "neon/faults.h"

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

bool same_word(std::string_view a, std::string_view b);  ///< whatever their capitals

/// Everything is computed in f32. Errors: invalid_argument for a number, at any depth, that f32 cannot hold: it would
/// be infinite, or 0 without being 0.
void check_numbers(const base::json::value& value, std::string_view where);

/// The name of a part in messages: the one given in its configuration, or its type.
std::string name_of(const Part& part);

/// Calls `read` with `value` and, as long as it throws for a key directly below `where`, once more without that key.
void without_faulty_keys(base::json::value value, std::string_view where, Faults& faults, std::string_view prefix,
                         const std::function<void(const base::json::value&)>& read);

/// Decodes again and again, each time without the key that was at fault, so that every fault is found. Empty when what
/// is left does not do.
template <class T>
std::optional<T> decode_what_fits(const base::json::value& value, std::string_view where, Faults& faults,
                                  std::string_view prefix = "") {
  std::optional<T> result;
  without_faulty_keys(value, where, faults, prefix,
                      [&](const base::json::value& rest) { result = base::decode<T>(rest, where); });
  return result;
}

/// What a member is called elsewhere, and what to write here instead when that is not just the member's name.
struct Elsewhere {
  std::string_view name;
  std::string_view instead;
};

/// What members of a kind register for tests and benchmarks: Interface::Case, or else the JSON of a configuration.
template <class Interface>
struct CaseOf {
  using type = std::string_view;
};
template <class Interface>
  requires requires { typename Interface::Case; }
struct CaseOf<Interface> {
  using type = typename Interface::Case;
};

/// All members of one kind (layers, costs, optimizers, ...), by the name that model files use. Members register
/// themselves from their own files; nothing else names them.
template <class Interface>
class Shelf {
 public:
  using Case = typename CaseOf<Interface>::type;
  struct Member {
    std::string_view name;
    std::string_view doc;      ///< one line for people, without a full stop
    std::string_view details;  ///< Markdown for the reference page: formulas, shapes, what else to know; may be empty
    base::json::object (*schema)();
    std::unique_ptr<Interface> (*make)(const base::json::object& config, std::string_view where);
    std::vector<Case> (*cases)();  ///< configurations that together exercise the member
  };

  static Shelf& instance() {
    static Shelf shelf;
    return shelf;
  }

  void add(Member member) { members_[member.name] = member; }

  const std::map<std::string_view, Member>& members() const { return members_; }

  /// Announces names that people know from elsewhere.
  void add_elsewhere(std::string_view member, const std::vector<Elsewhere>& names) {
    for (const Elsewhere& other : names) elsewhere_.emplace_back(member, other);
  }

  /// Errors: invalid_argument naming the member that others call so, or the nearest known one.
  const Member& find(std::string_view name, std::string_view where) const {
    const auto found = members_.find(name);
    if (found != members_.end()) return found->second;
    for (const auto& [member, other] : elsewhere_)
      if (same_word(other.name, name))
        throw base::Error(base::Code::invalid_argument,
                          other.instead.empty()
                              ? fmt::format("unknown {} '{}'; it is called {} here", Interface::kKind, name, member)
                              : fmt::format("unknown {} '{}'; {}", Interface::kKind, name, other.instead),
                          base::pointer_to(where, "type"));
    std::vector<std::string_view> names;
    for (const auto& [known, member] : members_) names.push_back(known);
    throw base::Error(base::Code::invalid_argument, base::unknown_word(Interface::kKind, name, names),
                      base::pointer_to(where, "type"));
  }

  /// All faults of a part, each with `prefix` before it; and the part, made of what has no fault, if that does.
  std::unique_ptr<Interface> check(const Part& part, Faults& faults, std::string_view prefix = "") const {
    const std::string config = base::pointer_to(part.where, "config");
    std::unique_ptr<Interface> made;
    without_faulty_keys(part.config, config, faults, prefix, [&](const base::json::value& rest) {
      made = find(part.type, part.where).make(rest.get_object(), config);
    });
    return made;
  }

  std::unique_ptr<Interface> make(const Part& part) const {
    return find(part.type, part.where).make(part.config, base::pointer_to(part.where, "config"));
  }

 private:
  std::map<std::string_view, Member> members_;
  std::vector<std::pair<std::string_view, Elsewhere>> elsewhere_;
};

/// Puts T on its shelf: `const OnShelf<Optimizer, Adam> registered("Adam", "Kingma and Ba 2014");` in T's file.
/// T::Config is a described struct and T is made from one; T::cases(), where there is one, lists its cases; an Error of
/// its constructor that names no place gets the place of the config.
template <class Interface, class T>
struct OnShelf {
  OnShelf(std::string_view name, std::string_view doc, std::string_view details = {},
          const std::vector<Elsewhere>& elsewhere = {}) {
    Shelf<Interface>::instance().add_elsewhere(name, elsewhere);
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
         },
         []() -> std::vector<typename Shelf<Interface>::Case> {
           if constexpr (requires { T::cases(); })
             return T::cases();
           else
             return {};
         }});
  }
};

}  // namespace neon
