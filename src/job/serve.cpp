#include "job/serve.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/error.h"
#include "base/files.h"
#include "job/memory.h"
#include "job/samples.h"
#include "job/text_writer.h"
#include "neon/predictor.h"
#include "wire/frames.h"

namespace job {
namespace {

struct Waiting {
  std::uint64_t id;
  std::int64_t k;
};

std::string predictions_json(const std::vector<neon::Answer>& answers) {
  base::json::array predictions;
  for (std::size_t output = 0; output < answers.size(); ++output) {
    const auto& steps = answers[output].steps;
    for (std::size_t step = 0; step < steps.size(); ++step)
      for (const neon::ClassProbability& row : steps[step]) {
        base::json::object prediction{{"probability", row.probability}, {"index", row.index}, {"label", row.label}};
        if (steps.size() > 1) prediction["step"] = step;
        if (answers.size() > 1) prediction["output"] = output;
        predictions.push_back(std::move(prediction));
      }
  }
  base::json::object all{{"predictions", predictions}};
  if (const std::string& text = answers.front().text; !text.empty()) all["text"] = text;
  return base::to_text(all);
}

/// Each token of what a model wrote is a prediction of its step.
std::string predictions_json(const neon::Written& written, const std::vector<std::string>& labels) {
  base::json::array predictions;
  for (std::size_t step = 0; step < written.tokens.size(); ++step) {
    const auto token = static_cast<std::size_t>(written.tokens[step]);
    predictions.push_back(base::json::object{{"probability", written.probabilities[step]},
                                             {"index", token},
                                             {"label", token < labels.size() ? labels[token] : ""},
                                             {"step", step}});
  }
  return base::to_text(base::json::object{{"predictions", predictions}});
}

std::string error_json(const base::Error& error) {
  return base::to_text(
      base::json::object{{"error", {{"code", base::kind_of(error.code).name}, {"message", error.message}}}});
}

/// Prepares, predicts and answers what waits on one connection.
class Server {
 public:
  explicit Server(const wire::ServeJob& job)
      : checkpoint_(neon::read_checkpoint(job.checkpoint)),
        preprocessor_(loader_config_of(checkpoint_.preprocessing)),
        predictor_(checkpoint_, {.max_batch = job.max_batch,
                                 .threads = job.threads,
                                 .inputs = preprocessor_.inputs(),
                                 .ranked = tells_classes(checkpoint_, preprocessor_)}),
        max_batch_(static_cast<std::size_t>(job.max_batch)),
        samples_(preprocessor_, max_batch_) {
    if (predictor_.graph().adversaries)
      throw base::Error(base::Code::invalid_argument,
                        "a GenerativeAdversarial answers no requests: it makes samples of noise; export it and let "
                        "`neon predict` draw some");
    predictor_.warm_up();
    writer_ = TextWriter::after_reading(checkpoint_, preprocessor_, job.threads);
    if (writer_) told_name_ = writer_->told_name();
    // Last, when all that the network takes is taken.
    decoding_ = std::make_unique<aeon::SharedMemory>(decoding_bytes(memory_left(job.memory_bytes)));
    preprocessor_.take_memory_from(*decoding_);
  }

  /// Until the caller closes the connection.
  void answer(base::Fd connection) {
    connection_ = std::move(connection);
    reader_ = {};
    try {
      while (reader_.fill(connection_.get())) {
        while (take_in_what_waits()) answer_all();
      }
    } catch (const Gone&) {}
  }

 private:
  struct Gone {};  // the caller is: what it asked for is nobody's

  /// Prepares up to max_batch requests that have arrived whole; false when there is none.
  bool take_in_what_waits() {
    waiting_.clear();
    bool any = false;
    while (waiting_.size() < max_batch_) {
      const auto payload = reader_.next();
      if (!payload) {
        // Whatever arrived meanwhile is computed together with what is here.
        pollfd more{.fd = connection_.get(), .events = POLLIN, .revents = 0};
        if (any && ::poll(&more, 1, 0) == 1 && (more.revents & POLLIN) != 0 && reader_.fill(connection_.get()))
          continue;
        break;
      }
      any = true;
      take_in(wire::parse_request(*payload));
    }
    return any;
  }

  void take_in(const wire::Request& request) {
    try {
      if (request.k != 0) predictor_.check_k(request.k);
      if (!samples_.write_body(waiting_.size(), request.input, told_name_)) return write_after(request.id);
      waiting_.push_back({request.id, request.k});
    } catch (const base::Error& error) {
      refuse(request.id, error);
    } catch (const std::bad_alloc&) {  // this input's fault and nobody else's
      refuse(request.id, base::Error(base::Code::unavailable, "no memory to decode it"));
    }
  }

  void refuse(std::uint64_t id, const base::Error& error) { send(wire::answer_frame(id, error_json(error))); }

  /// Answers with what the model writes after the sample that is the next to wait.
  void write_after(std::uint64_t id) {
    const std::vector<neon::Written> written =
        writer_->write(samples_.row(waiting_.size()), "", {.steps = writer_->trained_steps()});
    send(wire::answer_frame(id, predictions_json(written.front(), predictor_.labels())));
  }

  void answer_all() {
    if (waiting_.empty()) return;
    const auto rows = static_cast<std::int64_t>(waiting_.size());
    predictor_.predict(samples_.data(), rows);
    std::string answers;
    for (std::int64_t row = 0; row < rows; ++row) {
      const Waiting& one = waiting_[static_cast<std::size_t>(row)];
      answers += wire::answer_frame(one.id, predictions_json(predictor_.answers(row, one.k)));
    }
    send(answers);
  }

  void send(std::string_view answers) {
    try {
      wire::send_all(connection_.get(), answers);
    } catch (const base::Error& error) {
      if (error.code != base::Code::unavailable) throw;
      throw Gone();
    }
  }

  neon::Checkpoint checkpoint_;
  std::unique_ptr<aeon::SharedMemory> decoding_;  // outlives the preprocessor
  aeon::Preprocessor preprocessor_;
  neon::Predictor predictor_;
  std::unique_ptr<TextWriter> writer_;    ///< where the model writes after what it reads
  std::optional<std::size_t> told_name_;  ///< what it writes, which a request then need not have
  std::size_t max_batch_;
  base::Fd connection_;
  Samples samples_;
  wire::FrameReader reader_;
  std::vector<Waiting> waiting_;
};

}  // namespace

void serve(const wire::ServeJob& job, int listener, const Emit& emit) {
  Server server(job);
  emit({.kind = wire::EventKind::ready});
  while (true) {
    base::Fd connection(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    if (connection)
      server.answer(std::move(connection));
    else if (errno != EINTR && errno != ECONNABORTED)
      throw base::system_error("cannot take a connection", errno);
  }
}

}  // namespace job
