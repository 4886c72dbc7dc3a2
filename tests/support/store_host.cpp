#include "tests/support/store_host.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <future>
#include <optional>
#include <poll.h>
#include <stdexcept>
#include <stdlib.h>
#include <thread>

namespace pvscsi::test {

struct StoreHost::Loop {
    boost::asio::io_context io{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{
        io.get_executor()};
    std::optional<hv::host::StoreServer> server{io};
    std::thread thread{[this] { io.run(); }};
};

StoreHost::StoreHost() {
    std::string name = std::filesystem::temp_directory_path() / "pvscsi-store-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr)
        throw std::system_error(errno, std::generic_category(), name);
    directory_ = name;
    loop_ = std::make_unique<Loop>();
    run([this](hv::host::StoreServer& server) { server.listen(socket(), DomId{0}); });
}

StoreHost::~StoreHost() {
    stop();
    std::filesystem::remove_all(directory_);
}

void StoreHost::stop() {
    if (!loop_)
        return;
    boost::asio::post(loop_->io, [this] {
        loop_->server.reset();
        loop_->work.reset();
    });
    loop_->thread.join();
    loop_.reset();
}

void StoreHost::run(const std::function<void(hv::host::StoreServer&)>& work) {
    // An error crosses as text and code: the exception itself would be freed by one thread while
    // the other one reads it, as far as ThreadSanitizer can see into libstdc++.
    std::promise<void> done;
    std::error_code code;
    std::string failure;
    boost::asio::post(loop_->io, [&] {
        try {
            work(*loop_->server);
        } catch (const std::system_error& error) {
            code = error.code();
            failure = error.what();
        } catch (const std::exception& error) {
            failure = error.what();
        }
        done.set_value();
    });
    done.get_future().get();
    if (code)
        throw std::system_error(code, failure);
    if (!failure.empty())
        throw std::runtime_error(failure);
}

void StoreHost::add_guest(DomId domain) {
    run([&](hv::host::StoreServer& server) {
        server.listen(socket(domain), domain);
        const std::string home = "/local/domain/" + std::to_string(domain.value());
        hv::host::StoreClient& dom0 = server.dom0();
        if (!dom0.mkdir(home) || !dom0.set_permissions(home, {{domain, false, false}}))
            throw std::runtime_error("cannot make " + home);
        server.introduce_domain(domain);
    });
}

void StoreHost::release(DomId domain) {
    run([domain](hv::host::StoreServer& server) { server.release_domain(domain); });
}

std::string StoreHost::socket(DomId domain) const {
    return directory_ / ("domain-" + std::to_string(domain.value()));
}

hv::XsStore StoreHost::connect(DomId domain) const {
    return hv::XsStore(socket(domain));
}

hv::WatchEvent wait_event(hv::Store& store) {
    for (;;) {
        if (auto event = store.next_event())
            return *event;
        pollfd readable{store.fd(), POLLIN, 0};
        if (::poll(&readable, 1, 30'000) != 1)
            throw std::runtime_error("no watch event in 30 seconds");
    }
}

} // namespace pvscsi::test
