//! 兔子API and the new-api family: gateways that sell others' models. Their codes tell whose key or money is meant.

use router_core::fault::FaultKind;

use super::{Adapter, PLAIN};
use crate::classify::ErrorBody;

pub(super) const ADAPTER: Adapter = Adapter { name: "tuzi", refine, ..PLAIN };

/// The family's own types; everything else was passed on from behind it.
const OWN: [&str; 3] = ["new_api_error", "one_api_error", "shell_api_error"];

pub(super) fn refine(status: u16, error: &ErrorBody) -> Option<FaultKind> {
    let message = error.message.as_str();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    let own = error.kind.as_deref().is_none_or(|kind| kind.is_empty() || OWN.contains(&kind));
    if says(&["无可用渠道", "No available channel", "no available channel"]) {
        return Some(FaultKind::ModelUnavailable);
    }
    if says(&["无权访问", "无权使用"]) {
        return Some(FaultKind::ModelUnavailable);
    }
    if says(&["当前分组上游负载已饱和", "请求数限制", "请求过于频繁", "负载已经达到上限"])
    {
        return Some(if status == 429 { FaultKind::RateLimited } else { FaultKind::Overloaded });
    }
    if says(&["该令牌状态不可用", "令牌已过期", "无效的令牌", "该令牌额度已用尽", "用户已被封禁"])
    {
        return Some(if says(&["额度已用尽"]) { FaultKind::KeyBilling } else { FaultKind::KeyInvalid });
    }
    // The gateway's own account behind it is out of money, or its key there is bad: not ours.
    let behind = !own && (matches!(status, 401..=403) || says(&["余额不足", "欠费", "insufficient"]));
    behind.then_some(FaultKind::Temporary)
}
