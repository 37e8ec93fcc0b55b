// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import NIOHTTPTypes

/// Closes a connection when its one request is in and its answer out, or when its time is over, whatever its client does
/// or does not do.
///
/// An answer may come before the request is in, as to a body that is too long. Many a client reads no answer before it
/// has sent everything, or takes a connection's end while it sends for a failure: so the end comes after both.
final class ConnectionEnd: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let time: TimeAmount
    private var end: Scheduled<Void>?
    private var isRequestIn = false
    private var isAnswerOut = false

    init(after time: TimeAmount) { self.time = time }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        end = context.eventLoop.scheduleTask(in: time) { channel.close(promise: nil) }
    }

    func handlerRemoved(context: ChannelHandlerContext) { end?.cancel() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .end = unwrapInboundIn(data) { isRequestIn = true }
        context.fireChannelRead(data)
        if isRequestIn && isAnswerOut { context.close(mode: .output, promise: nil) }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .end = unwrapOutboundIn(data) else { return context.write(data, promise: promise) }
        isAnswerOut = true
        context.writeAndFlush(data, promise: promise)
        // What is still to be written goes out before.
        if isRequestIn { context.close(mode: .output, promise: nil) }
    }
}
