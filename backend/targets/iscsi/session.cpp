#include "backend/targets/iscsi/session.hpp"

#include "common/scsi/vpd.hpp"

#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <poll.h>

namespace pvscsi::backend {

using boost::asio::posix::stream_descriptor;

struct IscsiSession::Place {
    explicit Place(boost::asio::io_context& context, IscsiSession& session)
        : loop(context), timer(context), self(std::make_shared<IscsiSession*>(&session)) {}
    ~Place() { let_go(); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    /// The file is the library's to close.
    void let_go() noexcept {
        if (event && event->is_open())
            (void)event->release();
        event.reset();
        reading = writing = false;
        ++connection;
    }

    boost::asio::io_context& loop;
    boost::asio::steady_timer timer;
    std::uint64_t timers = 0;     ///< which of the times set is the one that counts
    std::uint64_t connection = 0; ///< the same of what is waited for
    std::optional<stream_descriptor> event;
    bool reading = false, writing = false, sending = false;
    std::optional<IscsiResolving> resolving;
    std::shared_ptr<IscsiSession*> self; ///< what handlers hold, by a weak pointer
};

IscsiSession::IscsiSession(std::shared_ptr<IscsiLibrary> library, std::string portal,
                           std::uint16_t lun, IscsiLogin login, IscsiPatience patience,
                           IscsiSessionOwner& owner)
    : library_(std::move(library)), portal_(std::move(portal)), lun_(lun), login_(std::move(login)),
      patience_(patience), owner_(owner) {}

IscsiSession::~IscsiSession() {
    close();
}

void IscsiSession::enter(boost::asio::io_context& context) {
    place_ = std::make_unique<Place>(context, *this);
    if (state_ == State::closed)
        return;
    if (!ready())
        return try_now();
    place_->event.emplace(context, context_->fd());
    watch();
}

void IscsiSession::leave() noexcept {
    place_.reset();
    if (ready() || state_ == State::closed)
        return;
    context_.reset();
    state_ = State::idle;
}

void IscsiSession::close() noexcept {
    state_ = State::closed;
    place_.reset();
    context_.reset();
}

void IscsiSession::try_now() noexcept {
    state_ = State::trying;
    redirections_ = 0;
    set_timer(patience_.login);
    try {
        place_->resolving.emplace(place_->loop, portal_, [this](auto address) {
            if (address)
                connect_to(*address);
            else
                failed(address.error());
        });
    } catch (const std::exception& error) {
        failed(error.what());
    }
}

void IscsiSession::connect_to(const std::string& address) noexcept {
    end_of_connection();
    state_ = State::trying;
    context_ = library_->make(login_, *this);
    if (!context_)
        return failed("there is no memory for a session");
    if (!context_->connect(address))
        return failed(fmt::format("{}: {}", address, context_->error()));
    try {
        place_->event.emplace(place_->loop, context_->fd());
    } catch (const std::exception& error) {
        return failed(error.what());
    }
    watch();
}

void IscsiSession::watch() noexcept {
    if (!place_ || !place_->event)
        return;
    const int events = context_->events();
    if ((events & POLLIN) != 0)
        wait_for(POLLIN, place_->reading);
    if ((events & POLLOUT) != 0)
        wait_for(POLLOUT, place_->writing);
}

void IscsiSession::wait_for(int event, bool& waiting) noexcept {
    if (std::exchange(waiting, true))
        return;
    place_->event->async_wait(event == POLLIN ? stream_descriptor::wait_read
                                              : stream_descriptor::wait_write,
                              [weak = std::weak_ptr(place_->self), connection = place_->connection,
                               event](const boost::system::error_code& error) {
                                  const auto self = weak.lock();
                                  if (error || !self || (*self)->place_->connection != connection)
                                      return;
                                  Place& place = *(*self)->place_;
                                  (event == POLLIN ? place.reading : place.writing) = false;
                                  (*self)->serve(event);
                              });
}

/// What the library says in it is seen to when it has returned: the connection can't be ended from
/// inside.
void IscsiSession::serve(int revents) noexcept {
    if (!context_)
        return;
    serving_ = true;
    const bool sound = context_->service(revents);
    serving_ = false;
    if (state_ == State::closed)
        return;
    if (!sound && !failure_)
        failure_ = end_of_session();
    if (const auto failure = std::exchange(failure_, {})) {
        elsewhere_.clear();
        return failed(*failure);
    }
    if (const auto address = std::exchange(elsewhere_, {}); !address.empty()) {
        constexpr unsigned most_redirections = 4;
        if (++redirections_ > most_redirections)
            return failed("the target sends us from one portal to the next");
        return connect_to(address.substr(0, address.find(',')));
    }
    watch();
}

std::string IscsiSession::end_of_session() const {
    const std::string error = context_->error();
    return error.empty() ? portal_ + " closed the connection" : portal_ + ": " + error;
}

void IscsiSession::send_soon() noexcept {
    if (std::exchange(place_->sending, true))
        return;
    boost::asio::post(place_->loop, [weak = std::weak_ptr(place_->self)] {
        const auto self = weak.lock();
        if (!self)
            return;
        (*self)->place_->sending = false;
        (*self)->serve(POLLOUT);
    });
}

void IscsiSession::end_of_connection() noexcept {
    if (place_)
        place_->let_go();
    context_.reset();
    failure_.reset();
    elsewhere_.clear();
    pinged_ = 0;
}

void IscsiSession::failed(const std::string& reason) noexcept {
    const bool was_ready = ready();
    const bool replaced = std::exchange(replaced_, false);
    end_of_connection();
    if (replaced) {
        close();
        return owner_.replaced(reason);
    }
    state_ = State::pausing;
    pause_ =
        pause_.count() == 0 ? patience_.first_pause : std::min(pause_ * 2, patience_.longest_pause);
    set_timer(pause_);
    if (was_ready)
        owner_.lost(reason);
    else
        owner_.not_opened(reason);
}

void IscsiSession::drop(const std::string& reason) noexcept {
    if (state_ == State::closed || state_ == State::pausing)
        return;
    if (serving_)
        failure_ = reason;
    else
        failed(reason);
}

void IscsiSession::set_timer(std::chrono::milliseconds patience) noexcept {
    place_->timer.expires_after(patience);
    place_->timer.async_wait([weak = std::weak_ptr(place_->self),
                              number = ++place_->timers](const boost::system::error_code& error) {
        const auto self = weak.lock();
        if (!error && self && (*self)->place_->timers == number)
            (*self)->expired();
    });
}

void IscsiSession::stop_timer() noexcept {
    ++place_->timers;
    place_->timer.cancel();
}

void IscsiSession::expired() noexcept {
    place_->resolving.reset();
    if (state_ == State::pausing)
        try_now();
    else if (!ready())
        failed(fmt::format("{} does not answer", portal_));
}

// --- what the library says, from inside service() ---------------------------------------------

void IscsiSession::connected(bool success) noexcept {
    if (!success || !context_->login())
        failure_ = fmt::format("{}: {}", portal_, context_->error());
}

void IscsiSession::logged_in(Login result) noexcept {
    switch (result) {
    case Login::success:
        return ask(scsi::page_standard);
    case Login::elsewhere:
        elsewhere_ = context_->elsewhere();
        return;
    case Login::refused:
        failure_ = fmt::format("{}: {}", portal_, context_->error());
    }
}

void IscsiSession::ended(IscsiTask& task, const IscsiAnswer& answer) noexcept {
    // The library ends all commands so when it sees the end of the connection, and says no more.
    if (answer.kind == IscsiAnswer::Kind::lost && serving_ && !failure_)
        failure_ = end_of_session();
    if (&task != &inquiry_)
        return owner_.ended(task, answer);
    if (failure_)
        return;
    if (state_ == State::inquiring)
        inquired(answer);
    else
        identified(answer);
}

void IscsiSession::managed(std::uint32_t number, IscsiManaged result) noexcept {
    owner_.managed(number, result);
}

// --- what the unit asks for -------------------------------------------------------------------

bool IscsiSession::command(IscsiTask& task, const ring::Cdb& cdb, ring::Direction direction,
                           std::span<std::byte> data) noexcept {
    if (!context_->command(task, lun_, cdb, direction, data))
        return false;
    send_soon();
    return true;
}

bool IscsiSession::abort(IscsiTask& task, std::uint32_t number) noexcept {
    if (!ready() || !task.known || !context_->abort(task, number))
        return false;
    send_soon();
    return true;
}

bool IscsiSession::reset(std::uint32_t number) noexcept {
    if (!ready() || !context_->reset(lun_, number))
        return false;
    send_soon();
    return true;
}

bool IscsiSession::forget(IscsiTask& task) noexcept {
    return !context_ || serving_ ? !task.known : context_->forget(task);
}

/// A ping takes its turn among the commands, and one that could not be sent is no sign: a target
/// may take one command at a time, and that may be the rewinding of a tape.
void IscsiSession::look_after() noexcept {
    constexpr unsigned most_unanswered = 3;
    if (!ready())
        return;
    if (pinged_ == 0) {
        if (!context_->ping())
            return;
        pinged_ = 1;
        return send_soon();
    }
    if (context_->all_sent() && ++pinged_ > most_unanswered)
        failed(fmt::format("{} does not answer any more", portal_));
}

} // namespace pvscsi::backend
