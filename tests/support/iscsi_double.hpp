// libiscsi by hand: a SAN that does what the test says. What it says comes when the loop asks for
// it, as from the real one.
#pragma once

#include "backend/targets/iscsi/library.hpp"
#include "common/base/unique_fd.hpp"
#include "tests/support/sg_bench.hpp"

#include <deque>
#include <functional>
#include <poll.h>
#include <sys/eventfd.h>

namespace pvscsi::test {

struct SanConnection {
    struct Command {
        backend::IscsiTask* task;
        std::uint16_t lun;
        Bytes cdb;
        ring::Direction direction;
        std::span<std::byte> data;
    };

    /// Does it from inside service().
    void then(std::function<void()> what) {
        script.push_back(std::move(what));
        kick();
    }
    void kick() { REQUIRE(::eventfd_write(event.get(), 1) == 0); }
    void die(const std::string& why = "") {
        error = why;
        sound = false;
        kick();
    }
    void answer(const Command& command, backend::IscsiAnswer answer, const Bytes& data = {}) {
        then([this, command, answer, data] {
            std::copy_n(as_bytes(std::span(data)).begin(), data.size(), command.data.begin());
            command.task->known = false;
            listener->ended(*command.task, answer);
        });
    }
    /// The oldest command, with all its data.
    void complete(const Bytes& data = {}) {
        const Command command = commands.front();
        commands.pop_front();
        backend::IscsiAnswer good;
        good.kind = backend::IscsiAnswer::Kind::status;
        answer(command, good, data);
    }
    void manage(std::uint32_t number, std::uint32_t result) {
        then([this, number, result] {
            listener->managed(number, static_cast<backend::IscsiManaged>(result));
        });
    }

    backend::IscsiLogin login;
    backend::IscsiListener* listener = nullptr; ///< null: closed
    UniqueFd event{adopt_fd, ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    std::deque<std::function<void()>> script;
    std::deque<Command> commands;
    std::vector<std::pair<backend::IscsiTask*, std::uint32_t>> aborts;
    std::vector<std::uint32_t> resets;
    unsigned pings = 0;
    std::string address, error, elsewhere;
    bool sound = true, all_sent = true, takes_commands = true;
};

/// How the SAN is to behave, and what has come of it.
struct San {
    [[nodiscard]] SanConnection& last() { return *connections.back(); }

    std::vector<std::shared_ptr<SanConnection>> connections;
    bool connects = true, answers_login = true, answers_inquiry = true, answers_ping = true;
    bool memory = true;
    std::string refusal;   ///< of a login
    std::string elsewhere; ///< where the next login is sent
    Bytes inquiry = Bytes(36, 0);
    Bytes page83{0, 0x83, 0, 8, 1, 3, 0, 4, 0xa, 0xb, 0xc, 0xd};
    Bytes page80{0, 0x80, 0, 2, 'x', 'y'};
};

class SanContext final : public backend::IscsiContext {
  public:
    SanContext(San& san, std::shared_ptr<SanConnection> its) : san_(san), its_(std::move(its)) {}
    ~SanContext() override {
        its_->listener = nullptr;
        its_->script.clear();
    }

    bool connect(const std::string& address) noexcept override {
        its_->address = address;
        if (san_.connects)
            its_->then([this] { its_->listener->connected(true); });
        return true;
    }
    bool login() noexcept override {
        if (!san_.answers_login)
            return true;
        its_->then([this] {
            using Login = backend::IscsiListener::Login;
            its_->error = san_.refusal;
            its_->elsewhere = std::exchange(san_.elsewhere, "");
            its_->listener->logged_in(!its_->elsewhere.empty() ? Login::elsewhere
                                      : san_.refusal.empty()   ? Login::success
                                                               : Login::refused);
        });
        return true;
    }
    int fd() const noexcept override { return its_->event.get(); }
    int events() const noexcept override { return POLLIN; }
    bool service(int) noexcept override {
        eventfd_t ignored = 0;
        (void)::eventfd_read(its_->event.get(), &ignored);
        const auto keep = its_;
        while (keep->sound && !keep->script.empty()) {
            const auto what = std::move(keep->script.front());
            keep->script.pop_front();
            what();
        }
        return keep->sound;
    }
    bool command(backend::IscsiTask& task, std::uint16_t lun, const ring::Cdb& cdb,
                 ring::Direction direction, std::span<std::byte> data) noexcept override {
        const auto bytes = cdb.bytes();
        const SanConnection::Command command{
            &task, lun, {bytes.begin(), bytes.end()}, direction, data};
        if (!its_->takes_commands)
            return false;
        task.known = true;
        if (command.cdb[0] == 0x12 && san_.answers_inquiry)
            tell(command);
        else
            its_->commands.push_back(command);
        return true;
    }
    bool abort(backend::IscsiTask& task, std::uint32_t number) noexcept override {
        its_->aborts.emplace_back(&task, number);
        return its_->takes_commands;
    }
    bool reset(std::uint16_t, std::uint32_t number) noexcept override {
        its_->resets.push_back(number);
        return its_->takes_commands;
    }
    bool ping() noexcept override {
        ++its_->pings;
        if (san_.answers_ping)
            its_->then([this] { its_->listener->ponged(); });
        return true;
    }
    bool all_sent() const noexcept override { return its_->all_sent; }
    bool forget(backend::IscsiTask& task) noexcept override {
        if (!its_->all_sent || !task.known)
            return !task.known;
        task.known = false;
        its_->listener->ended(task, {});
        return true;
    }
    std::string error() const override { return its_->error; }
    std::string elsewhere() const override { return its_->elsewhere; }

  private:
    void tell(const SanConnection::Command& command) {
        const Bytes& what = command.cdb[1] == 0      ? san_.inquiry
                            : command.cdb[2] == 0x83 ? san_.page83
                                                     : san_.page80;
        backend::IscsiAnswer answer;
        answer.kind = backend::IscsiAnswer::Kind::status;
        answer.status = what.empty() ? 2 : 0;
        answer.residual = static_cast<std::uint32_t>(command.data.size() - what.size());
        its_->answer(command, answer, what);
    }

    San& san_;
    const std::shared_ptr<SanConnection> its_;
};

class SanLibrary final : public backend::IscsiLibrary {
  public:
    explicit SanLibrary(San& san) : san_(san) {}
    std::unique_ptr<backend::IscsiContext>
    make(const backend::IscsiLogin& login, backend::IscsiListener& listener) noexcept override {
        if (!san_.memory)
            return nullptr;
        auto its = std::make_shared<SanConnection>();
        its->login = login;
        its->listener = &listener;
        san_.connections.push_back(its);
        return std::make_unique<SanContext>(san_, std::move(its));
    }

  private:
    San& san_;
};

} // namespace pvscsi::test
