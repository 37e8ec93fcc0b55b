// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf

extension SharedProfile {
    /// What is known beside the facts, with one writer's exercise.
    func header(of writer: String) -> PostureProfile {
        PostureProfile.with {
            $0.set(time)
            $0.revisions = revisions.sorted { ($0.value.firstSeen, $0.key) < ($1.value.firstSeen, $1.key) }.map {
                name, revision in
                PostureRevision.with {
                    $0.name = name
                    $0.firstSeen = Google_Protobuf_Timestamp(nanosecondsSince1970: revision.firstSeen)
                    $0.lastSeen = Google_Protobuf_Timestamp(nanosecondsSince1970: revision.lastSeen)
                    $0.observed = PostureHours(revision.observed)
                }
            }
            if let exercise = exercise[writer] { $0.exercise = PostureExercise(exercise) }
        }
    }
}
