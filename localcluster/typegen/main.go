// Command typegen prints types.json: the Go types of the kinds that localcluster serves, as the API server marshals and merges them.
//
// It needs the modules k8s.io/api, k8s.io/apimachinery, k8s.io/kube-openapi and k8s.io/kubernetes of one Kubernetes release (1.34 when last run):
// the struct tags say what is a pointer, what is left out when empty and how a strategic merge patch treats a list; the OpenAPI definitions say
// how server-side apply does. A field reads "[ptr|always] TYPE [merge=KEY] [retain] [required] [default=VALUE]".
package main

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"k8s.io/kubernetes/pkg/generated/openapi"
)

var kinds = []any{
	corev1.Namespace{}, corev1.Secret{}, corev1.ConfigMap{}, corev1.Service{}, corev1.PersistentVolumeClaim{}, corev1.ResourceQuota{},
	corev1.LimitRange{}, corev1.ServiceAccount{}, corev1.Pod{}, corev1.Event{}, appsv1.Deployment{}, appsv1.ReplicaSet{},
	appsv1.StatefulSet{}, appsv1.DaemonSet{}, batchv1.Job{}, batchv1.CronJob{}, networkingv1.Ingress{}, networkingv1.NetworkPolicy{},
	rbacv1.Role{}, rbacv1.RoleBinding{}, coordinationv1.Lease{}, corev1.Node{}, storagev1.StorageClass{},
	discoveryv1.EndpointSlice{},
}

var leaves = map[reflect.Type]string{
	reflect.TypeOf(resource.Quantity{}): "quantity", reflect.TypeOf(intstr.IntOrString{}): "intstr",
	reflect.TypeOf(metav1.Time{}): "time", reflect.TypeOf(metav1.MicroTime{}): "microtime", reflect.TypeOf(metav1.FieldsV1{}): "any",
	reflect.TypeOf([]byte{}): "bytes",
}

var definitions = openapi.GetOpenAPIDefinitions(func(path string) spec.Ref { return spec.Ref{} })
var types = map[string]map[string]string{}

func schemaOf(t reflect.Type) spec.Schema {
	var definition common.OpenAPIDefinition = definitions[t.PkgPath()+"."+t.Name()]
	return definition.Schema
}

func nameOf(t reflect.Type) string { return t.Name() }

// expression says what a value of a type is; extensions are those of the field that holds it.
func expression(t reflect.Type, extensions spec.Extensions) string {
	if name, ok := leaves[t]; ok {
		return name
	}
	switch t.Kind() {
	case reflect.Pointer:
		return expression(t.Elem(), extensions)
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "bool"
	case reflect.Float64:
		return "float"
	case reflect.Int, reflect.Int32, reflect.Int64:
		return "int"
	case reflect.Map:
		word := "map"
		if kind, _ := extensions.GetString("x-kubernetes-map-type"); kind == "atomic" {
			word = "frozen map"
		}
		return word + " " + expression(t.Elem(), nil)
	case reflect.Slice:
		word := "list"
		switch kind, _ := extensions.GetString("x-kubernetes-list-type"); kind {
		case "set":
			word = "set"
		case "map":
			keys, _ := extensions.GetStringSlice("x-kubernetes-list-map-keys")
			word = "keyed(" + strings.Join(keys, ",") + ")"
		}
		return word + " " + expression(t.Elem(), nil)
	case reflect.Struct:
		describe(t)
		if kind, _ := extensions.GetString("x-kubernetes-map-type"); kind == "atomic" {
			return "frozen " + nameOf(t)
		}
		if kind, _ := schemaOf(t).Extensions.GetString("x-kubernetes-map-type"); kind == "atomic" {
			return "frozen " + nameOf(t)
		}
		return nameOf(t)
	}
	panic(t.String())
}

func describe(t reflect.Type) {
	if _, seen := types[nameOf(t)]; seen {
		return
	}
	fields := map[string]string{}
	types[nameOf(t)] = fields
	addFields(t, schemaOf(t), fields)
}

func addFields(t reflect.Type, schema spec.Schema, fields map[string]string) {
	required := map[string]bool{}
	for _, name := range schema.Required {
		required[name] = true
	}
	for i := 0; i < t.NumField(); i++ {
		field := t.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" {
			addFields(field.Type, schema, fields)
			continue
		}
		property := schema.Properties[name]
		words := []string{}
		if field.Type.Kind() == reflect.Pointer {
			words = append(words, "ptr")
		} else if !strings.Contains(options, "omitempty") || field.Type.Kind() == reflect.Struct {
			if !strings.Contains(options, "omitzero") {
				words = append(words, "always")
			}
		}
		words = append(words, expression(field.Type, property.Extensions))
		if strategy := field.Tag.Get("patchStrategy"); strings.Contains(strategy, "merge") {
			words = append(words, "merge="+field.Tag.Get("patchMergeKey"))
		}
		if strings.Contains(field.Tag.Get("patchStrategy"), "retainKeys") {
			words = append(words, "retain")
		}
		if required[name] {
			words = append(words, "required")
		}
		if text, ok := property.Default.(string); ok && text != "" {
			words = append(words, "default="+text)
		}
		fields[name] = strings.Join(words, " ")
	}
}

func main() {
	for _, kind := range kinds {
		describe(reflect.TypeOf(kind))
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(types); err != nil {
		panic(err)
	}
}
