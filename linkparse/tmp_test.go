package linkparse
import ("testing";"fmt")
func TestTmp(t *testing.T){
 for _,c:=range readCases[linkCase](t,"links.jsonl"){
  f:=Find(Options{},c.fields(t)...)
  if c.Opaque==nil&&f.Opaque!=nil||len(f.Links)>1 { fmt.Println(c.ID,c.Kind,f.Opaque,len(f.Links)) }
  for _,l:=range f.Links { if l.Keys!=nil {fmt.Println(c.ID,l)}}
 }
}
