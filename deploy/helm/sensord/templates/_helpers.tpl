{{/* SPDX-License-Identifier: Apache-2.0 */}}
{{- define "sensord.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "sensord.labels" -}}
{{ include "sensord.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* The release's name, if it says what it is; else with the chart's. */}}
{{- define "sensord.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "sensord.serviceAccount" -}}
{{- default (include "sensord.name" .) .Values.serviceAccount.name }}
{{- end }}

{{- define "sensord.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else }}{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end }}
{{- end }}

{{- define "sensord.config" -}}
{{- range $key := list "listen" "runDir" "run-dir" "stateDir" "state-dir" "pinDir" "pin-dir" }}
{{- if hasKey $.Values.config $key }}{{ fail (printf "config.%s is the chart's own: see port, hostPaths and pins" $key) }}{{ end }}
{{- end }}
{{- $own := dict "listen" (printf "0.0.0.0:%d" (int .Values.port)) }}
{{- if .Values.pins.enabled }}{{ $_ := set $own "pinDir" "/sys/fs/bpf/sensord" }}{{ end }}
{{- mergeOverwrite (deepCopy .Values.config) $own | toPrettyJson }}
{{- end }}
