//! Failure kinds in words: a short form for the first line of a page, a sentence for the rest.

use watchbell_engine::word::{FailureKind, Locale};

use super::text::{InWords, Text};

/// The short form, as it stands behind the title: `HTTP 503`, `连接被拒绝`.
pub fn kind_short(kind: FailureKind, status: Option<u16>, locale: Locale) -> String {
    match (kind, status) {
        (FailureKind::Status, Some(status)) => format!("HTTP {status}"),
        (kind, _) => kind.words(locale).into(),
    }
}

/// What it means, as a sentence without its end: `端口拒绝连接`, `the port refused the connection`.
pub fn kind_sentence(kind: FailureKind, locale: Locale) -> &'static str {
    sentence(kind).get(locale)
}

impl InWords for FailureKind {
    fn text(self) -> Text {
        match self {
            Self::DnsNxdomain => Text::new("域名不存在", "no such name"),
            Self::DnsServerError => Text::new("域名解析出错", "DNS error"),
            Self::DnsTimeout => Text::new("域名解析超时", "DNS timeout"),
            Self::DnsNoAddress => Text::new("域名没有可用地址", "no usable address"),
            Self::ConnectRefused => Text::new("连接被拒绝", "connection refused"),
            Self::ConnectTimeout => Text::new("连接超时", "connection timeout"),
            Self::ConnectUnreachable => Text::new("网络不可达", "unreachable"),
            Self::ConnectReset => Text::new("连接被重置", "connection reset"),
            Self::TlsExpired => Text::new("证书已过期", "certificate expired"),
            Self::TlsNotYetValid => Text::new("证书尚未生效", "certificate not yet valid"),
            Self::TlsSelfSigned => Text::new("证书为自签名", "self-signed certificate"),
            Self::TlsUntrusted => Text::new("证书不受信任", "untrusted certificate"),
            Self::TlsNameMismatch => Text::new("证书域名不符", "certificate name mismatch"),
            Self::TlsHandshake => Text::new("TLS 握手失败", "TLS handshake failed"),
            Self::TlsClientCert => Text::new("客户端证书不被接受", "client certificate refused"),
            Self::TlsTimeout => Text::new("TLS 握手超时", "TLS timeout"),
            Self::TlsNotTls => Text::new("端口不是 TLS", "port without TLS"),
            Self::HeaderTimeout => Text::new("响应超时", "no answer in time"),
            Self::HttpProtocol => Text::new("HTTP 协议错误", "HTTP protocol error"),
            Self::BodyTimeout => Text::new("响应体超时", "body timeout"),
            Self::BodyTruncated => Text::new("响应体不完整", "body cut short"),
            Self::BodyTooLarge => Text::new("响应体过大", "body too large"),
            Self::DecodeFailed => Text::new("响应体解码失败", "body not decodable"),
            Self::ContentMismatch => Text::new("响应类型不符", "wrong content type"),
            Self::RedirectLoop => Text::new("重定向循环", "redirect loop"),
            Self::RedirectBlocked => Text::new("重定向被阻止", "redirect blocked"),
            Self::HttpGoaway => Text::new("HTTP/2 连接被关闭", "HTTP/2 GOAWAY"),
            Self::HttpStreamReset => Text::new("HTTP/2 流被重置", "HTTP/2 stream reset"),
            Self::Status => Text::new("状态码不符", "unexpected status"),
            Self::RateLimited => Text::new("被限流", "rate limited"),
            Self::AuthUnavailable => Text::new("取不到令牌", "no token"),
            Self::AssertionFailed => Text::new("断言不成立", "assertion failed"),
            Self::AssertionMissing => Text::new("缺少字段", "value missing"),
            Self::AssertionNull => Text::new("字段为空", "value is null"),
            Self::AssertionType => Text::new("字段类型不符", "wrong value type"),
            Self::Latency => Text::new("响应过慢", "too slow"),
            Self::CertExpiring => Text::new("证书即将到期", "certificate ends soon"),
            Self::HeartbeatMissed => Text::new("未按时报到", "no beat in time"),
            Self::HeartbeatFailed => Text::new("任务报告失败", "job reported failure"),
            Self::HeartbeatOverrun => Text::new("任务运行过久", "job runs too long"),
            Self::SelfDns => Text::new("本机域名解析不可用", "our own DNS is dead"),
            Self::SelfResources => Text::new("本机资源不足", "we are out of resources"),
            Self::SelfClock => Text::new("本机时钟跳变", "our clock jumped"),
            Self::SelfOverload => Text::new("本机过载", "we are overloaded"),
        }
    }
}

fn sentence(kind: FailureKind) -> Text {
    match kind {
        FailureKind::DnsNxdomain => Text::new("域名不存在(NXDOMAIN)", "the name does not exist (NXDOMAIN)"),
        FailureKind::DnsServerError => Text::new(
            "域名服务器返回错误(SERVFAIL 或 REFUSED)",
            "the resolver answered with an error (SERVFAIL or REFUSED)",
        ),
        FailureKind::DnsTimeout => Text::new("域名服务器没有答复此域名", "the resolver did not answer for this name"),
        FailureKind::DnsNoAddress => Text::new("域名没有可用的地址", "the name has no address that can be used"),
        FailureKind::ConnectRefused => Text::new("端口拒绝连接", "the port refused the connection"),
        FailureKind::ConnectTimeout => Text::new("连接无人应答", "nobody answered the connection attempt"),
        FailureKind::ConnectUnreachable => {
            Text::new("网络报告主机不可达", "the network says that the host cannot be reached")
        }
        FailureKind::ConnectReset => {
            Text::new("连接建立后被对方重置", "the connection was reset after it was accepted")
        }
        FailureKind::TlsExpired => Text::new("服务器证书已过期", "the server's certificate has expired"),
        FailureKind::TlsNotYetValid => Text::new("服务器证书尚未生效", "the server's certificate is not valid yet"),
        FailureKind::TlsSelfSigned => Text::new("服务器证书是自签名的", "the server's certificate is signed by itself"),
        FailureKind::TlsUntrusted => Text::new(
            "证书签发者不受信任,或缺少中间证书",
            "the certificate's issuer is not trusted, or an intermediate is missing",
        ),
        FailureKind::TlsNameMismatch => {
            Text::new("服务器证书属于其他域名", "the server's certificate is for other names")
        }
        FailureKind::TlsHandshake => {
            Text::new("TLS 握手失败,没有共同的版本或算法", "the TLS handshake failed: no common version or cipher")
        }
        FailureKind::TlsClientCert => {
            Text::new("服务器要求其他客户端证书", "the server wants another client certificate")
        }
        FailureKind::TlsTimeout => Text::new("TLS 握手停住了", "the TLS handshake stalled"),
        FailureKind::TlsNotTls => Text::new("此端口不说 TLS", "the port does not speak TLS"),
        FailureKind::HeaderTimeout => Text::new("限时内没有收到响应头", "no response head came in time"),
        FailureKind::HttpProtocol => Text::new("响应不符合 HTTP 规范", "the answer is not well-formed HTTP"),
        FailureKind::BodyTimeout => Text::new("响应体中途停住", "the body stalled"),
        FailureKind::BodyTruncated => Text::new("响应体没有发完", "the body ended before its stated length"),
        FailureKind::BodyTooLarge => Text::new("响应体超过上限", "the body is larger than the limit"),
        FailureKind::DecodeFailed => Text::new("响应体无法解码", "the body could not be decoded"),
        FailureKind::ContentMismatch => {
            Text::new("响应不是断言所需的类型", "the body is of another type than expected")
        }
        FailureKind::RedirectLoop => Text::new("重定向过多或成环", "there were too many redirects, or a loop"),
        FailureKind::RedirectBlocked => {
            Text::new("重定向到不允许的地址", "it redirected to where it may not be followed")
        }
        FailureKind::HttpGoaway => {
            Text::new("服务器两次关闭 HTTP/2 连接", "the server closed the HTTP/2 connection twice")
        }
        FailureKind::HttpStreamReset => Text::new("服务器重置了 HTTP/2 流", "the server reset the HTTP/2 stream"),
        FailureKind::Status => Text::new("返回的状态码不符合预期", "the status is not the expected one"),
        FailureKind::RateLimited => Text::new("服务器限流", "the server limits our rate"),
        FailureKind::AuthUnavailable => {
            Text::new("令牌接口失败,请求没有发出", "the token endpoint failed, so the call was not made")
        }
        FailureKind::AssertionFailed => Text::new("返回的值不符合断言", "an assertion does not hold"),
        FailureKind::AssertionMissing => Text::new("返回中缺少断言的值", "an expected value is not there"),
        FailureKind::AssertionNull => Text::new("断言的值为 null", "an expected value is null"),
        FailureKind::AssertionType => Text::new("断言的值类型不符", "a value has another type than expected"),
        FailureKind::Latency => Text::new("响应过慢", "it is too slow"),
        FailureKind::CertExpiring => Text::new("服务器证书即将到期", "the server's certificate ends soon"),
        FailureKind::HeartbeatMissed => Text::new("任务没有在限时内报到", "the job did not report in time"),
        FailureKind::HeartbeatFailed => Text::new("任务报告自己失败", "the job reported that it failed"),
        FailureKind::HeartbeatOverrun => {
            Text::new("任务开始后迟迟没有结束", "the job started and has not ended in time")
        }
        FailureKind::SelfDns => {
            Text::new("watchbell 所在机器的域名解析不可用", "DNS is dead on watchbell's own machine")
        }
        FailureKind::SelfResources => Text::new(
            "watchbell 所在机器的描述符、端口或内存不足",
            "watchbell's own machine is out of descriptors, ports or memory",
        ),
        FailureKind::SelfClock => {
            Text::new("watchbell 的时钟在运行中跳变", "watchbell's own clock moved during the run")
        }
        FailureKind::SelfOverload => Text::new("watchbell 自身过载", "watchbell itself is overloaded"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_own_words_in_both_languages() {
        for locale in Locale::ALL {
            let mut short: Vec<String> = FailureKind::ALL.iter().map(|k| kind_short(*k, None, *locale)).collect();
            let mut long: Vec<&str> = FailureKind::ALL.iter().map(|k| kind_sentence(*k, *locale)).collect();
            assert!(short.iter().all(|text| (1..=30).contains(&text.chars().count())), "{short:?}");
            short.sort_unstable();
            short.dedup();
            long.sort_unstable();
            long.dedup();
            assert_eq!((short.len(), long.len()), (FailureKind::ALL.len(), FailureKind::ALL.len()));
        }
    }

    #[test]
    fn a_status_is_told_by_its_number() {
        assert_eq!(kind_short(FailureKind::Status, Some(503), Locale::ZhCn), "HTTP 503");
        assert_eq!(kind_short(FailureKind::ConnectRefused, None, Locale::ZhCn), "连接被拒绝");
        assert_eq!(kind_short(FailureKind::ConnectRefused, None, Locale::En), "connection refused");
    }
}
