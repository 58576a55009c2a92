{{- define "syncd.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-{{ .Chart.Name }}{{ end -}}
{{- end }}

{{- define "syncd.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "syncd.labels" -}}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{ include "syncd.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "syncd.account" -}}
{{- if .Values.serviceAccount.create }}{{ .Values.serviceAccount.name | default (include "syncd.name" .) }}{{ else }}{{ .Values.serviceAccount.name | default "default" }}{{ end -}}
{{- end }}

{{/* syncd.yaml: what is configured, and over it what the chart decides. */}}
{{- define "syncd.config" -}}
{{- $c := deepCopy .Values.config }}
{{- range list "store" "policy" }}
{{- if hasKey $c . }}{{ fail (printf "config.%s is the chart's to set: use %s" . .) }}{{ end }}
{{- end }}
{{- $serve := $c.serve | default dict }}
{{- if hasKey $serve "listen" }}{{ fail "config.serve.listen is the chart's to set" }}{{ end }}
{{- $_ := set $serve "listen" "0.0.0.0:8787" }}
{{- if and .Values.ingress.enabled (not (hasKey $serve "public_url")) (has "/" .Values.ingress.paths) }}
{{- $_ := set $serve "public_url" (printf "https://%s" .Values.ingress.host) }}
{{- end }}
{{- if not (hasKey $serve "metrics") }}
{{- $_ := set $serve "metrics" (dict "listen" (ternary (printf "0.0.0.0:%v" .Values.metrics.port) "off" .Values.metrics.enabled)) }}
{{- end }}
{{- $_ := set $c "serve" $serve }}
{{- $_ := set $c "policy" "policy.yaml" }}
{{- if eq .Values.store.kind "postgres" }}
{{- $_ := set $c "store" (required "store.postgres.url: name the database" .Values.store.postgres.url) }}
{{- else }}
{{- if gt (int .Values.replicas) 1 }}{{ fail "an SQLite file takes one replica: set replicas to 1, or store.kind to postgres" }}{{ end }}
{{- $_ := set $c "store" "/var/lib/syncd/syncd.db" }}
{{- end }}
{{- toYaml $c }}
{{- end }}
