#include "frontend/run/transport.hpp"

namespace pvscsi::run {

namespace {

class SessionTransport final : public Transport {
  public:
    explicit SessionTransport(std::unique_ptr<Session> session) : session_(std::move(session)) {}

    [[nodiscard]] std::vector<Hctl> luns() const override { return session_->luns(); }
    [[nodiscard]] std::size_t max_transfer() const override { return session_->max_transfer(); }
    [[nodiscard]] bool connected() const noexcept override { return session_->connected(); }
    [[nodiscard]] unsigned free_slots() const noexcept override { return session_->free_slots(); }
    SubmitResult submit(const ScsiCommand& command, CompletionHandler done) override {
        return session_->submit(command, std::move(done));
    }
    void flush() override { session_->flush(); }
    void reset(const Hctl& address, std::function<void(bool)> done) override {
        session_->reset(address, std::move(done));
    }
    std::size_t poll() override { return session_->poll(); }
    [[nodiscard]] int fd() const noexcept override { return session_->fd(); }
    bool prepare_to_sleep() override { return session_->prepare_to_sleep(); }
    void on_event(std::function<void(const Event&)> handler) override {
        session_->on_event(std::move(handler));
    }

  private:
    std::unique_ptr<Session> session_;
};

} // namespace

std::unique_ptr<Transport> open_transport(const SessionOptions& options) {
    return std::make_unique<SessionTransport>(Session::open(options));
}

} // namespace pvscsi::run
