#include "apps/neon/hdf5/events.h"

#include <fmt/format.h>
#include <hdf5.h>

#include <algorithm>
#include <limits>
#include <map>

#include "base/clock.h"
#include "base/error.h"

namespace {

/// Something open in an HDF5 file.
class Open {
 public:
  Open(hid_t id, herr_t (*close)(hid_t), std::string_view what) : id_(id), close_(close) {
    if (id_ < 0) throw base::Error(base::Code::internal, fmt::format("HDF5 cannot make {}", what));
  }
  ~Open() {
    if (id_ >= 0) close_(id_);
  }
  Open(Open&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Open& operator=(Open&&) = delete;
  operator hid_t() const { return id_; }

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

void check(herr_t result, std::string_view what) {
  if (result < 0) throw base::Error(base::Code::internal, fmt::format("HDF5 cannot write {}", what));
}

Open space_of(const std::vector<hsize_t>& shape) {
  return {H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr), H5Sclose, "a space"};
}

/// Sets an attribute, whether or not it is there.
void write_attribute(hid_t object, const char* name, hid_t type, const void* value) {
  if (H5Aexists(object, name) > 0) {
    const Open attribute(H5Aopen(object, name, H5P_DEFAULT), H5Aclose, name);
    return check(H5Awrite(attribute, type, value), name);
  }
  const Open space(H5Screate(H5S_SCALAR), H5Sclose, "a space");
  const Open attribute(H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose, name);
  check(H5Awrite(attribute, type, value), name);
}

void write_attribute(hid_t object, const char* name, std::int64_t value) {
  write_attribute(object, name, H5T_NATIVE_INT64, &value);
}

/// Of any length, as h5py writes them, so that it reads them as texts.
void write_attribute(hid_t object, const char* name, const std::string& text) {
  const Open type(H5Tcopy(H5T_C_S1), H5Tclose, "a type");
  check(H5Tset_size(type, H5T_VARIABLE), name);
  check(H5Tset_cset(type, H5T_CSET_UTF8), name);
  const char* data = text.c_str();
  write_attribute(object, name, type, &data);
}

/// A name of one object, not a path.
std::string as_name(std::string text) {
  std::replace(text.begin(), text.end(), '/', '_');
  return text;
}

constexpr std::int64_t kBins = static_cast<std::int64_t>(neon::kHistogramBins);

class Hdf5Events final : public neon::TrainingEvents {
 public:
  explicit Hdf5Events(const std::filesystem::path& file)
      : file_((H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr),
               H5Fcreate(file.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT)),
              H5Fclose, fmt::format("the file '{}'", file.string())) {
    write_time("start_time");
  }

  /// What a training that is stopped leaves.
  ~Hdf5Events() override {
    try {
      write_costs();
      write_time("end_time");
      H5Fflush(file_, H5F_SCOPE_GLOBAL);
    } catch (const base::Error&) {
      // The training's own end says what went wrong.
    }
  }

  void on_step(const neon::StepEvent& event) override {
    if (epochs_ == 0) begin(event.epochs, event.batches);
    const std::int64_t at = event.epoch * batches_ + event.batch - 1;
    if (costs_.empty()) first_cost_ = at;
    costs_.push_back(static_cast<float>(event.cost));
    write_histograms(event.histograms, at, batches_ * epochs_, "minibatch");
  }

  void on_epoch(const neon::EpochEvent& event) override {
    if (epochs_ == 0) return;  // trained before this run, which only evaluates it
    write_costs();
    if (event.eval_cost) {
      write_of_epoch("cost/loss", event.epoch, *event.eval_cost);
      write_of_epoch("time/loss", event.epoch, event.eval_seconds);
    }
    for (const auto& [name, value] : event.metrics) write_of_epoch("metrics/" + as_name(name), event.epoch, value);
    write_histograms(event.histograms, event.epoch, epochs_, "epoch");
    const float batches = static_cast<float>((event.epoch + 1) * batches_);
    const std::string markers = "time_markers/minibatch";
    write(dataset(markers, {static_cast<hsize_t>(epochs_)}), {static_cast<hsize_t>(event.epoch)}, {1}, &batches);
    write_attribute(dataset(markers, {}), "epochs_complete", event.epoch + 1);
    write_attribute(dataset(markers, {}), "minibatches_complete", (event.epoch + 1) * batches_);
    check(H5Fflush(file_, H5F_SCOPE_GLOBAL), "the file");
  }

 private:
  void begin(std::int64_t epochs, std::int64_t batches) {
    epochs_ = epochs;
    batches_ = batches;
    const Open config = group("config");
    write_attribute(config, "total_epochs", epochs);
    write_attribute(config, "total_minibatches", epochs * batches);
    write_attribute(dataset("cost/train", {static_cast<hsize_t>(epochs * batches)}), "time_markers",
                    std::string("minibatch"));
  }

  Open group(const char* name) {
    return {H5Lexists(file_, name, H5P_DEFAULT) > 0 ? H5Gopen2(file_, name, H5P_DEFAULT)
                                                    : H5Gcreate2(file_, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
            H5Gclose, name};
  }

  /// The one of this name; a new one is full of "not a number".
  hid_t dataset(const std::string& path, const std::vector<hsize_t>& shape) {
    if (const auto found = datasets_.find(path); found != datasets_.end()) return found->second;
    const Open links(H5Pcreate(H5P_LINK_CREATE), H5Pclose, "properties"),
        creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "properties"), space = space_of(shape);
    check(H5Pset_create_intermediate_group(links, 1), path);
    const float nothing = std::numeric_limits<float>::quiet_NaN();
    check(H5Pset_fill_value(creation, H5T_NATIVE_FLOAT, &nothing), path);
    const hid_t made = H5Dcreate2(file_, path.c_str(), H5T_IEEE_F32LE, space, links, creation, H5P_DEFAULT);
    return datasets_.emplace(path, Open(made, H5Dclose, path)).first->second;
  }

  /// Part of a dataset, from `begin` on.
  static void write(hid_t dataset, const std::vector<hsize_t>& begin, const std::vector<hsize_t>& shape,
                    const float* values) {
    const Open memory = space_of(shape), space(H5Dget_space(dataset), H5Sclose, "a space");
    check(H5Sselect_hyperslab(space, H5S_SELECT_SET, begin.data(), nullptr, shape.data(), nullptr), "a selection");
    check(H5Dwrite(dataset, H5T_NATIVE_FLOAT, memory, space, H5P_DEFAULT, values), "numbers");
  }

  void write_costs() {
    if (costs_.empty()) return;
    write(dataset("cost/train", {}), {static_cast<hsize_t>(first_cost_)}, {costs_.size()}, costs_.data());
    costs_.clear();
  }

  void write_of_epoch(const std::string& path, std::int64_t epoch, double value) {
    const bool is_new = !datasets_.contains(path);
    const hid_t to = dataset(path, {static_cast<hsize_t>(epochs_)});
    if (is_new) {
      write_attribute(to, "time_markers", std::string("epoch_freq"));
      write_attribute(to, "epoch_freq", 1);
    }
    const auto number = static_cast<float>(value);
    write(to, {static_cast<hsize_t>(epoch)}, {1}, &number);
  }

  void write_histograms(const std::vector<neon::Histogram>& histograms, std::int64_t at, std::int64_t times,
                        const char* markers) {
    if (histograms.empty()) return;
    if (H5Lexists(file_, "hist", H5P_DEFAULT) <= 0) {
      const Open hist = group("hist");
      write_attribute(hist, "bins", kBins);
      write_attribute(hist, "offset", neon::kHistogramOffset);
      write_attribute(hist, "time_markers", std::string(markers));
      write_attribute(hist, "time_steps", times);
    }
    for (std::size_t i = 0; i < histograms.size(); ++i) {
      const std::size_t slash = histograms[i].name.find('/');
      const std::string path =
          fmt::format("hist/{}_{}_{}", histograms[i].name.substr(0, slash), i, histograms[i].name.substr(slash + 1));
      std::array<float, neon::kHistogramBins> counts{};
      std::copy(histograms[i].counts.begin(), histograms[i].counts.end(), counts.begin());
      write(dataset(path, {kBins, static_cast<hsize_t>(times)}), {0, static_cast<hsize_t>(at)}, {kBins, 1},
            counts.data());
    }
  }

  void write_time(const char* name) {
    const Open time = group("time"),
               train(H5Lexists(time, "train", H5P_DEFAULT) > 0
                         ? H5Gopen2(time, "train", H5P_DEFAULT)
                         : H5Gcreate2(time, "train", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                     H5Gclose, "time/train"),
               space = space_of({1});
    const Open to(H5Dcreate2(train, name, H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Dclose,
                  name);
    const double seconds = static_cast<double>(base::wall_now_us()) * 1e-6;
    check(H5Dwrite(to, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, &seconds), name);
    write_attribute(to, "units", std::string("seconds"));
  }

  Open file_;
  std::map<std::string, Open> datasets_;
  std::int64_t epochs_ = 0, batches_ = 0;
  std::vector<float> costs_;  ///< of the epoch so far, from batch first_cost_ on
  std::int64_t first_cost_ = 0;
};

}  // namespace

std::unique_ptr<neon::TrainingEvents> hdf5_events(const std::filesystem::path& file) {
  return std::make_unique<Hdf5Events>(file);
}
