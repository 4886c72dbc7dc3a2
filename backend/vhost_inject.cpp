// Faults on purpose (inject/README.md): from the control thread to the unit's injector, and what an
// administrator is told of them.
#include "backend/vhost.hpp"

#include <boost/asio/post.hpp>

namespace pvscsi::backend {

void Vhost::change_faults(const ring::Address& address, inject::Change change,
                          inject::TakeAnswer take) {
    const auto place = std::find_if(luns_.begin(), luns_.end(),
                                    [&](const auto& lun) { return lun.second.address == address; });
    if (closed_ || place == luns_.end())
        return take({"it is not served now", {}});
    data_->worker().post([data = data_, address, change = std::move(change), take = std::move(take),
                          weak = weak_from_this(), &control = around_.control,
                          node_name = place->first] {
        const bool changes = change.clear || !change.rules.empty();
        boost::asio::post(control, [answer = data->change_faults(address, change), take, weak,
                                    node_name, changes] {
            const auto self = weak.lock();
            if (self && changes && answer.error.empty())
                self->tell_of_faults(node_name, answer);
            take(answer);
        });
    });
}

void Vhost::tell_of_faults(const std::string& node_name, const inject::Answer& answer) {
    if (closed_ || !luns_.contains(node_name))
        return;
    if (answer.rules.empty()) {
        if (faulty_.erase(node_name) == 0)
            return;
        log::warning("vhost={} lun={} no faults are injected any more", backend_, node_name);
        return nodes_.set_warning(node_name, warnings_[node_name]);
    }
    faulty_.insert(node_name);
    for (const auto& rule : answer.rules)
        log::warning("vhost={} lun={} faults are injected rule=\"{}\"", backend_, node_name,
                     rule.text);
    nodes_.set_warning(node_name,
                       fmt::format("faults are injected on purpose, {} rule{}; pvscsictl inject",
                                   answer.rules.size(), answer.rules.size() == 1 ? "" : "s"));
}

void Vhost::stop_injecting() {
    data_->worker().post([data = data_] { data->stop_injecting(); });
    for (const std::string& node_name : std::set(faulty_))
        tell_of_faults(node_name, {});
}

} // namespace pvscsi::backend
